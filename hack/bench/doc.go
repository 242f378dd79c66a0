// Command bench compares what moves files to and from buckets: ours, the least
// that can be done, minio-go, rclone and the transfer manager of AWS. It is a
// module of its own, so that their clients stay out of Icarus.
//
// All move the same files, through the same proxy, to the same store, in turns. A
// mover is a process of its own; its wall time is from its start to its end, its
// processor time and memory are what the kernel accounted to it. Ratios mean
// something within one run only.
package main

// Package javaobj reads and writes streams of serialized Java objects, by their
// structure alone: it knows no class, makes no code run and fills no hash table.
// What the objects mean is told by who reads them.
//
// Invariants:
//
//   - A Decoder takes no more bytes, no more memory and goes no deeper than its
//     Limits, whatever the stream says. Nothing is allocated on the word of a
//     length: arrays and blocks grow as their bytes arrive.
//   - A Decoder reads no byte beyond what it was asked for, so that other things
//     may follow on the same connection.
//   - A stream that is wrong is ErrMalformed, one that is too much is ErrLimit,
//     and one that ends early is io.ErrUnexpectedEOF. After any error the stream
//     is lost.
//   - What is decoded may hold the same object twice, and cycles.
//
// Values are nil, string, *Object, *Array, *Enum and *Class; a field may also be
// bool, int8, uint16 (a char), int16, int32, int64, float32 or float64.
package javaobj

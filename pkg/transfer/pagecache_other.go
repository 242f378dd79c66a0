//go:build !linux

package transfer

import "os"

func adviseSequential(*os.File) {}

func drop(*os.File, int64, int64) {}

func beginWriting(*os.File, int64, int64) {}

func resident(*os.File, int64, int64) bool { return false }

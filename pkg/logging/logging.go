package logging

import (
	"fmt"
	"io"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The keys that several packages use.
const (
	KeySnapshot = "snapshot"
	KeyKeyspace = "keyspace"
	KeyTable    = "table"
	KeyBytes    = "bytes"
	KeyReason   = "reason"
	KeyPhase    = "phase"
)

// Format is how log lines look.
type Format string

// The formats of log lines.
const (
	JSON Format = "json"
	Text Format = "text"
)

// New makes a logger that writes to w. Verbosity 0 logs changes of state, 1 each
// file, 2 each request.
func New(w io.Writer, format Format, verbosity int) (logr.Logger, error) {
	// zapr counts verbosity downwards from zap's info level; zap has no level
	// below -128.
	if verbosity < 0 || verbosity > 127 {
		return logr.Discard(), fmt.Errorf("log verbosity %d is not between 0 and 127", verbosity)
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	config.TimeKey = "time"
	var encoder zapcore.Encoder
	switch format {
	case JSON:
		encoder = zapcore.NewJSONEncoder(config)
	case Text:
		config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		encoder = zapcore.NewConsoleEncoder(config)
	default:
		return logr.Discard(), fmt.Errorf("log format %q is neither %q nor %q", format, JSON, Text)
	}
	level := zap.NewAtomicLevelAt(zapcore.Level(-verbosity))
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)
	return zapr.NewLogger(zap.New(core)), nil
}

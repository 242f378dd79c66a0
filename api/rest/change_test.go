package rest_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/icarus-sidecar/icarus/api/rest"
)

func TestAChangeSaysWhatItChangesAndNothingElse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{
		`{"bandwidth": "10mbps"}`:                     10_000_000,
		`{"bandwidth": {"value": 2, "unit": "KBPS"}}`: 2000,
		` {"bandwidth": null} `:                       0,
	} {
		c, err := rest.DecodeChange([]byte(body))
		if err != nil || c.BytesPerSecond() != want {
			t.Errorf("%s: %d, %v, want %d", body, c.BytesPerSecond(), err, want)
		}
	}
	for body, field := range map[string]string{
		``:                                    "",
		`[]`:                                  "",
		`{"bandwidth": null}{}`:               "",
		`{}`:                                  "bandwidth",
		`null`:                                "bandwidth",
		`{"bandwidth": "0"}`:                  "bandwidth",
		`{"bandwidth": "much"}`:               "bandwidth",
		`{"bandwidth": "1M", "type": "list"}`: "type",
	} {
		_, err := rest.DecodeChange([]byte(body))
		var told *rest.Error
		if !errors.As(err, &told) || told.Code != http.StatusBadRequest || len(told.Violations) != 1 || told.Violations[0].Field != field {
			t.Errorf("%s: got %v, want a violation of %q", body, err, field)
		}
	}
}

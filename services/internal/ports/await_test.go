package ports

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A port that nobody is seen to hold is let go of soon; one that is held by
// somebody is told at once; one that stays held is told in the end.
func TestAwaitWaitsForWhoIsDying(t *testing.T) {
	dying, living, other := &InUseError{Port: 1}, &InUseError{Port: 1, Pid: 7}, errors.New("other")
	for name, c := range map[string]struct {
		checks []error // the last one stays
		want   error
		asked  int
	}{
		"free":                    {[]error{nil}, nil, 1},
		"let go of":               {[]error{dying, dying, nil}, nil, 3},
		"held by somebody":        {[]error{living}, living, 1},
		"another error":           {[]error{other}, other, 1},
		"dying, then another's":   {[]error{dying, living}, living, 2},
		"held by nobody for long": {[]error{dying}, dying, int(endPatience/awaitPause) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, done := context.WithTimeout(t.Context(), endPatience+time.Millisecond)
				defer done()
				asked := 0
				err := await(ctx, func() error {
					asked++
					return c.checks[min(asked, len(c.checks))-1]
				})
				if !errors.Is(err, c.want) || asked != c.asked {
					t.Errorf("%v after %d questions, want %v after %d", err, asked, c.want, c.asked)
				}
			})
		})
	}
}

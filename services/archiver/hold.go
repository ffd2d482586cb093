package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// holdStill is how long archivers are asked to wait; who asks says so again
	// every third of it. Should it die, they go on by themselves when it is over.
	holdStill = 30 * time.Second
	// pauseSeen is how long an archiver may go without asking whether to hold still,
	// and heardBy when each has asked.
	pauseSeen = time.Second
	heardBy   = 2 * pauseSeen
	// drainPause is how often it is asked whether inserts are under way.
	drainPause = 50 * time.Millisecond
)

// holdArchivers does f while no archiver inserts anything.
func holdArchivers(ctx context.Context, db *warehouse.DB, reason string, f func(context.Context) error) (err error) {
	host, _ := os.Hostname()
	holder := fmt.Sprintf("%s/%d", host, os.Getpid())
	if err := db.Pause(ctx, holder, reason, holdStill); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		for wait(ctx, holdStill/3) {
			if err := db.Pause(ctx, holder, reason, holdStill); err != nil {
				// Better to stop in the midst, and be resumed, than to go on unprotected.
				cancel(fmt.Errorf("the archivers may not hold still any more: %w", err))
			}
		}
	})
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = errors.Join(err, cause)
		}
		cancel(nil)
		renewing.Wait()
		ended, done := context.WithTimeout(context.WithoutCancel(ctx), holdStill)
		defer done()
		err = errors.Join(err, db.Pause(ended, holder, "", 0))
	}()
	if !wait(ctx, heardBy) {
		return ctx.Err()
	}
	for {
		n, err := db.Inserting(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return f(ctx)
		}
		if !wait(ctx, drainPause) {
			return ctx.Err()
		}
	}
}

// wait returns false when ctx ends before d is over.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

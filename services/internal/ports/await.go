package ports

import (
	"context"
	"errors"
	"time"
)

const (
	// endPatience is how long a dead process may take to let go of its sockets. A
	// large one on a busy machine is seen as gone before its last thread is.
	endPatience = 15 * time.Second
	awaitPause  = 50 * time.Millisecond
)

// Await is Check for a port that a process may just be letting go of: while
// nobody can be seen to hold it, it is asked again for up to 15 s.
func Await(ctx context.Context, network, addr string) error {
	ctx, done := context.WithTimeout(ctx, endPatience)
	defer done()
	return await(ctx, func() error { return Check(network, addr) })
}

func await(ctx context.Context, check func() error) error {
	for {
		err := check()
		if held := (&InUseError{}); !errors.As(err, &held) || held.Pid != 0 {
			return err
		}
		select {
		case <-time.After(awaitPause):
		case <-ctx.Done():
			return err
		}
	}
}

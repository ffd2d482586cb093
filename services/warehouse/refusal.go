package warehouse

import (
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// What is in the error of an insert that a repeat as it was will not mend. Any
// other error says nothing of the rows: they are sent again.
var (
	// ErrRefused: the fault is in the schema, the rights or this program; every
	// row of the table would be refused.
	ErrRefused = errors.New("ClickHouse refuses these rows")
	// ErrPoison: the fault is in a value of one of the rows; the others would be
	// taken without it. A view behind the table may have refused it, and the table
	// itself have the rows already.
	ErrPoison = errors.New("ClickHouse refuses a value in these rows")
	// ErrTooLarge: the block is more than ClickHouse can take at a time.
	ErrTooLarge = errors.New("the block is too large for ClickHouse")
	// ErrTooManyParts: ClickHouse merges slower than it is sent blocks.
	ErrTooManyParts = errors.New("ClickHouse has too many parts to merge")
)

// refusals are the codes of ClickHouse for unknown tables, columns or types,
// statements that cannot be read, and rights.
var refusals = map[int32]bool{16: true, 36: true, 44: true, 50: true, 53: true, 60: true, 62: true, 81: true, 115: true, 164: true, 497: true, 516: true}

// poisons are those for values: text that is no number (6, 27, 33, 72), bounds
// (69, 128, 131, 321), a division (153), throwIf of a view (395), constraints (469),
// conversions (70, 407).
var poisons = map[int32]bool{6: true, 27: true, 33: true, 69: true, 70: true, 72: true, 128: true, 131: true, 153: true, 321: true, 395: true, 407: true, 469: true}

// excesses are those for memory (241) and for limits of rows and bytes (158, 307).
var excesses = map[int32]bool{158: true, 241: true, 307: true}

const tooManyParts = 252

func classify(err error) error {
	var e *clickhouse.Exception
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case refusals[e.Code]:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case poisons[e.Code]:
		return fmt.Errorf("%w: %w", ErrPoison, err)
	case excesses[e.Code]:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case e.Code == tooManyParts:
		return fmt.Errorf("%w: %w", ErrTooManyParts, err)
	}
	return err
}

package receiver

import "github.com/open-vigie/vigie/services/receiver/dc09"

// Tolerances are the lines whose panels may depart from the wire format, each in one
// way; see dc09.Options. The zero value has none.
type Tolerances struct {
	BinaryCRC, DecimalLength, CountsEnd, UnstampedCipher Lines
}

// any is what some line allows: bytes are cut and read with it while their line is
// not known yet.
func (t Tolerances) any() dc09.Options {
	return dc09.Options{
		BinaryCRC: t.BinaryCRC.Any(), DecimalLength: t.DecimalLength.Any(),
		CountsEnd: t.CountsEnd.Any(), UnstampedCipher: t.UnstampedCipher.Any(),
	}
}

// of is what one line allows.
func (t Tolerances) of(line uint32) dc09.Options {
	return dc09.Options{
		BinaryCRC: t.BinaryCRC.Has(line), DecimalLength: t.DecimalLength.Has(line),
		CountsEnd: t.CountsEnd.Has(line), UnstampedCipher: t.UnstampedCipher.Has(line),
	}
}

// parse reads a frame with what its line allows. The line stands behind CRC and
// length: where some line allows something, those are checked twice.
func (t Tolerances) parse(raw []byte) (dc09.Frame, error) {
	every := t.any()
	f, err := dc09.Parse(raw, every)
	if own := t.of(f.Line); own != every {
		return dc09.Parse(raw, own)
	}
	return f, err
}

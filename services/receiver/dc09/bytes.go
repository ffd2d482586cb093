package dc09

// crcTables are of CRC-16/ARC: polynomial 0x8005 reflected, start 0, no final xor.
// The first is the usual one; number i is what a byte does with i zeros after it, so
// that eight bytes are looked up at once.
var crcTables = func() (t [8][256]uint16) {
	for i := range t[0] {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
		t[0][i] = c
	}
	for n := 1; n < len(t); n++ {
		for i, c := range t[n-1] {
			t[n][i] = c>>8 ^ t[0][byte(c)]
		}
	}
	return t
}()

// CRC is CRC-16/ARC; CRC("123456789") is 0xBB3D.
func CRC(b []byte) uint16 {
	var c uint16
	t := &crcTables
	for ; len(b) >= 8; b = b[8:] {
		c = t[7][b[0]^byte(c)] ^ t[6][b[1]^byte(c>>8)] ^ t[5][b[2]] ^ t[4][b[3]] ^ t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
	}
	for _, x := range b {
		c = crcAnd(c, x)
	}
	return c
}

// crcAnd is the CRC of what had c and one byte more.
func crcAnd(c uint16, x byte) uint16 { return c>>8 ^ crcTables[0][byte(c)^x] }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func allHex(b []byte) bool {
	for _, c := range b {
		if !isHex(c) {
			return false
		}
	}
	return true
}

// parseHex reads 1 to 8 hexadecimal digits in either case.
func parseHex(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 8 || !allHex(b) {
		return 0, false
	}
	var v uint32
	for _, c := range b {
		switch {
		case c <= '9':
			c -= '0'
		case c <= 'F':
			c -= 'A' - 10
		default:
			c -= 'a' - 10
		}
		v = v<<4 | uint32(c)
	}
	return v, true
}

// parseDecimal reads 1 to 9 decimal digits.
func parseDecimal(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	var v uint32
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		v = v*10 + uint32(c-'0')
	}
	return v, true
}

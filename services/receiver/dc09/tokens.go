package dc09

// Tokens of this codec.
const (
	TokenSIA  = "SIA-DCS"
	TokenCID  = "ADM-CID"
	TokenNull = "NULL"
	// TokenXNM is the extended link test of the 2026 edition: a NULL with extended
	// fields of its own.
	TokenXNM = "XNM"
	TokenAck = "ACK"
	TokenNak = "NAK"
	TokenDuh = "DUH"
	// TokenRSP is an ACK that brings something back to the premises, such as a key.
	TokenRSP = "RSP"
)

// legacyTokens are the formats of older dialers that DC-09 may carry, with their
// names. Their data is kept verbatim. Source: the table of siadc09 1.0.1.
var legacyTokens = []struct{ token, name string }{
	{"SIA-PUL", "Generic Pulse Codes"},
	{"ACR-SF", "Acron Super Fast"},
	{"ADM-41E", "Ademco 4-1 Express"},
	{"ADM-42E", "Ademco 4-2 Express"},
	{"ADM-HS", "Ademco High Speed"},
	{"DSC-43", "DSC 4-3"},
	{"FBI-SF", "FBI Super Fast"},
	{"ITI-I", "ITI Standard"},
	{"SCN-S8", "Scancom 4-8-1, 5-8-1, 6-8-1"},
	{"SCN-S16", "Scancom 4-16-1, 5-16-1, 6-16-1"},
	{"SCN-S24", "Scancom 4-24-1, 5-24-1, 6-24-1"},
	{"SCT", "Scantronics"},
	{"SES-SS", "Sescoa Super Speed"},
	{"SIA-S2K", "SIA 2000"},
	{"SK-FSK1", "Silent Knight FSK1"},
	{"SK-FSK2", "Silent Knight FSK2"},
}

// LegacyToken names the format of an older dialer; false for any other token.
func LegacyToken(token string) (name string, ok bool) {
	for _, l := range legacyTokens {
		if l.token == token {
			return l.name, true
		}
	}
	return "", false
}

// IsPoll tells a link test, plain or extended.
func IsPoll(token string) bool { return token == TokenNull || token == TokenXNM }

// IsAnswer tells what a receiver sends, from what a panel sends.
func IsAnswer(token string) bool {
	switch token {
	case TokenAck, TokenNak, TokenDuh, TokenRSP:
		return true
	}
	return false
}

// knownToken avoids an allocation for the standard's tokens.
func knownToken(b []byte) string {
	for _, t := range [...]string{TokenNull, TokenSIA, TokenCID, TokenAck, TokenXNM, TokenNak, TokenDuh, TokenRSP} {
		if string(b) == t {
			return t
		}
	}
	for i := range legacyTokens {
		if string(b) == legacyTokens[i].token {
			return legacyTokens[i].token
		}
	}
	return string(b)
}

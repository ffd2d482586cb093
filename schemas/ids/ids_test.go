package ids

import (
	"testing"

	"pgregory.net/rapid"
)

func TestIDShowsAndParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), Size, Size).Draw(t, "id"))
		got, err := Parse(id.String())
		if err != nil || got != id {
			t.Fatalf("%s read back as %s (%v)", id, got, err)
		}
	})
	if _, err := Parse("1234"); err == nil {
		t.Error("a short id was accepted")
	}
}

func TestUndeclaredSiteIsSafeInJSONAndBlindToCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.Uint32Range(0, 0xFFFFFF).Draw(t, "line")
		account := rapid.StringMatching(`[0-9a-fA-F]{3,16}`).Draw(t, "account")
		site := UndeclaredSite(line, account)
		if site < FirstUndeclared || site >= 1<<53 {
			t.Fatalf("site %d is outside [2^52, 2^53)", site)
		}
		if UndeclaredSite(line, Account(account)) != site {
			t.Fatal("case of the account changes the site")
		}
	})
	if UndeclaredSite(0, "1234") == UndeclaredSite(1, "1234") {
		t.Error("the line does not tell accounts apart")
	}
}

// The wire depends on these values: a change makes old logs unreadable.
func TestIdentitiesAreFrozen(t *testing.T) {
	boot := []byte("0123456789abcdef")
	for name, c := range map[string]struct{ got, want string }{
		"event":       {Event(boot, 3, 42).String(), "ZEH75QEKDP87QKK48F2ARBQPFR"},
		"fingerprint": {Fingerprint(7, 1, "SIA-DCS", []byte("#1234|NBA01"), nil).String(), "4PMGDGQKCC19ES49DF8FGZ5GAW"},
		"act":         {Act("alice", "k1", "claim").String(), "PHW81QJZVCZJ38Z039X1VRC108"},
		"incident":    {Incident(7, boot), "7-60RK4CSM6MV3E"},
		"site":        {Site(UndeclaredSite(0, "1234")), "S-4965711183820521"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", name, c.got, c.want)
		}
	}
}

func TestIncidentSite(t *testing.T) {
	site, err := IncidentSite(Incident(4711, []byte("0123456789abcdef")))
	if err != nil || site != 4711 {
		t.Errorf("got %d, %v", site, err)
	}
	for _, bad := range []string{"", "4711", "x-60RK4CSM6MV3E", "4711-short"} {
		if _, err := IncidentSite(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

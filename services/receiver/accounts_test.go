package receiver

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Two accounts have one name only when they are one account, in whatever case.
func TestNamesTellAccountsApart(t *testing.T) {
	account := rapid.OneOf(rapid.StringMatching(`[0-9A-Za-z]{0,16}`), rapid.SampledFrom([]string{"0", "00", "", "A", "Z", "ZZZZZZZZZZZZZZZZ", "0000000000000000"}))
	line := rapid.OneOf(rapid.Uint32Range(0, 1<<24-1), rapid.SampledFrom([]uint32{0, 1, 1<<24 - 1}))
	rapid.Check(t, func(rt *rapid.T) {
		l1, a1, l2, a2 := line.Draw(rt, "line"), account.Draw(rt, "account"), line.Draw(rt, "other line"), account.Draw(rt, "other account")
		n1, ok1 := nameOf(l1, a1)
		n2, ok2 := nameOf(l2, a2)
		if !ok1 || !ok2 {
			rt.Fatal("a name that frames have cannot be held")
		}
		if same := ids.AccountKey(l1, a1) == ids.AccountKey(l2, a2); (n1 == n2) != same {
			rt.Fatalf("%s and %s: one name %v", ids.AccountKey(l1, a1), ids.AccountKey(l2, a2), n1 == n2)
		}
	})
	for _, odd := range []string{"12-4", "é", "12345678901234567"} {
		if _, ok := nameOf(0, odd); ok {
			t.Errorf("%q has a name", odd)
		}
	}
}

// A binding is found by its account, in whatever case, and gone with its tombstone;
// also one of an account that no frame can name.
func TestBindingsComeAndGo(t *testing.T) {
	a := newAccounts(eventlog.Config{}, nil)
	for i, account := range []string{"12AB", "ZZZZZZZZZZZZZZZZ", "12-4", "a longer name than any"} {
		key := ids.AccountKey(3, account)
		value, err := proto.Marshal(&vigiev1.AccountBinding{Line: 3, Account: account, Site: uint64(i + 1), Version: 9})
		if err != nil {
			t.Fatal(err)
		}
		a.apply(&kgo.Record{Key: []byte(key), Value: value})
		for _, said := range []string{account, strings.ToLower(account)} {
			if site, version := a.site(3, said); site != uint64(i+1) || version != 9 {
				t.Errorf("%q: site %d, version %d", said, site, version)
			}
		}
		if n := a.count(); n != 1 {
			t.Errorf("%d accounts, want 1", n)
		}
		a.apply(&kgo.Record{Key: []byte(key)})
		if site, version := a.site(3, account); site != ids.UndeclaredSite(3, account) || version != 0 {
			t.Errorf("%q after its tombstone: site %d, version %d", account, site, version)
		}
	}
}

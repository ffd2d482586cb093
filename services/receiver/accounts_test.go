package receiver

import (
	"fmt"
	"strconv"
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

// The table does what a map does.
func TestBindingsAreAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, model := new(bindings), map[name]binding{}
		accounts := rapid.SliceOfN(rapid.StringMatching(`[0-3]{0,3}`), 1, 200).Draw(rt, "accounts")
		for i, account := range accounts {
			n, _ := nameOf(uint32(i%2), account)
			if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
				table.delete(n)
				delete(model, n)
			} else {
				to := binding{site: uint64(i + 1), version: uint64(i)}
				table.set(n, to)
				model[n] = to
			}
			if table.n != len(model) {
				rt.Fatalf("%d accounts, want %d", table.n, len(model))
			}
		}
		for i, account := range accounts {
			n, _ := nameOf(uint32(i%2), account)
			got, ok := table.get(n)
			if want, known := model[n]; got != want || ok != known {
				rt.Fatalf("%q: %v, %v, want %v, %v", account, got, ok, want, known)
			}
		}
	})
}

// BenchmarkSiteOfAccount: axis is the number of accounts; the baseline is a map in the
// same run.
func BenchmarkSiteOfAccount(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		table, baseline := newAccounts(eventlog.Config{}, nil), map[string]binding{}
		said := make([]string, 4096)
		for i := range n {
			line, account := accountNumber(i)
			table.set(ids.AccountKey(line, account), binding{site: uint64(i + 1)})
			baseline[account] = binding{site: uint64(i + 1)}
			if every := n / len(said); i%every == 0 && i/every < len(said) {
				said[i/every] = account
			}
		}
		b.Run(fmt.Sprintf("accounts=%d/table", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				account := said[i%len(said)]
				at, _ := strconv.ParseUint(account, 16, 32)
				if site, _ := table.site(uint32(at%4), account); site != at+1 {
					b.Fatalf("account %s is of site %d", account, site)
				}
			}
		})
		b.Run(fmt.Sprintf("accounts=%d/map", n), func(b *testing.B) {
			for i := range b.N {
				account := said[i%len(said)]
				at, _ := strconv.ParseUint(account, 16, 32)
				if baseline[account].site != at+1 {
					b.Fatal("not found")
				}
			}
		})
	}
}

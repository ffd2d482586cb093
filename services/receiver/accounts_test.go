package receiver

import (
	"fmt"
	"math/big"
	"math/rand/v2"
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

// A name is the account in base 37, with digits from 1 on, below the line.
func TestNameIsANumber(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		line, account := rapid.Uint32Range(0, 1<<24-1).Draw(rt, "line"), rapid.StringMatching(`[0-9A-Z]{0,16}`).Draw(rt, "account")
		want := new(big.Int)
		for _, c := range []byte(account) {
			digit := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", c) + 1
			want.Add(want.Mul(want, big.NewInt(37)), big.NewInt(int64(digit)))
		}
		want.Add(want, new(big.Int).Lsh(big.NewInt(int64(line)), 64+40))
		n, _ := nameOf(line, account)
		got := new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(n.hi), 64), new(big.Int).SetUint64(n.lo))
		if got.Cmp(want) != 0 {
			rt.Fatalf("%d/%s is %x, want %x", line, account, got, want)
		}
	})
}

// The table does what a map does, with several accounts in each of its parts.
func TestBindingsAreAMap(t *testing.T) {
	const accounts = 100_000
	table, model := new(bindings), map[name]binding{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3 * accounts {
		line, account := accountNumber(random.IntN(accounts))
		n, _ := nameOf(line, account)
		if random.IntN(4) == 0 {
			table.delete(n)
			delete(model, n)
			continue
		}
		to := binding{site: uint64(i + 1), version: uint64(i)}
		table.set(n, to)
		model[n] = to
	}
	if table.n != len(model) {
		t.Fatalf("%d accounts, want %d", table.n, len(model))
	}
	for i := range accounts {
		line, account := accountNumber(i)
		n, _ := nameOf(line, account)
		got, ok := table.get(n)
		if want, known := model[n]; got != want || ok != known {
			t.Fatalf("%q: %v, %v, want %v, %v", account, got, ok, want, known)
		}
	}
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

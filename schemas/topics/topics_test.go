package topics

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// Any client must find a site's partition: ours is the one of franz-go's
// default partitioner, which is the Java client's.
func TestPartitionIsTheDefaultPartitionersOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		n := rapid.Int32Range(1, 1024).Draw(t, "partitions")
		want := kgo.StickyKeyPartitioner(nil).ForTopic("t").Partition(&kgo.Record{Key: key}, int(n))
		if got := PartitionOfKey(key, n); int(got) != want {
			t.Fatalf("partition of %x of %d: got %d, want %d", key, n, got, want)
		}
	})
}

func TestTableNamesAreUniqueAndBounded(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Table() {
		if seen[row.Name] {
			t.Errorf("topic %s stands twice in the table", row.Name)
		}
		seen[row.Name] = true
		if row.Cleanup == Delete && (row.Retention == 0 || row.LocalRetention == 0) {
			t.Errorf("topic %s is cleaned by deletion but has no retention", row.Name)
		}
		if row.Key == "" || row.Content == "" {
			t.Errorf("topic %s does not say its key and content", row.Name)
		}
	}
}

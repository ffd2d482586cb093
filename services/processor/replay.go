package processor

import "github.com/twmb/franz-go/pkg/kgo"

// Replay folds records of one partition, from its first on, in one thread and
// without a broker, and returns the outputs in order as the processor would
// append them, topics without prefix. It is what any live run must equal.
func Replay(number int32, fold Fold, records []*kgo.Record) ([]*kgo.Record, error) {
	p := newPartition(number, fold)
	for _, r := range records {
		if err := p.apply(r); err != nil {
			return nil, err
		}
	}
	outputs := make([]*kgo.Record, len(p.pending))
	for i, out := range p.pending {
		outputs[i] = out.record
	}
	return outputs, nil
}

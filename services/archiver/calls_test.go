package archiver

import (
	"testing"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/warehouse/enginetest"
)

func TestACallsStepIsArchivedWithWhatTheCallIs(t *testing.T) {
	b := newBench(t, enginetest.Open(t, enginetest.Shared(t)))
	stop := b.run(7, nil)
	b.produce(topics.Outcomes, 0, "0", &vigiev1.EventOutcome{
		EventId: eventID(1), Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED, AtMs: noon + 9_000,
		Call: &vigiev1.CallFacts{
			Call: "k1", Step: vigiev1.CallStep_STEP_TRANSFERRED, OfferedAtMs: noon, AnsweredAtMs: noon + 4_000, AnsweredBy: "anne", TransferredTo: "guard",
			AboutSite: 4711, Reason: "closure", Satisfaction: 4, AnswerWithinMs: 20_000, AnswerSharePercent: 80,
		},
	})
	b.produce(topics.Outcomes, 1, "7", &vigiev1.EventOutcome{EventId: eventID(2), Site: 7, Status: vigiev1.OutcomeStatus_OUTCOME_STATUS_ACCEPTED, AtMs: noon})
	b.mustBeExact()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	const facts = `SELECT toString((call, call_step, call_answered_by, call_transferred_to, call_about_site, call_reason, call_satisfaction, call_within_ms, call_share_percent,
		toUnixTimestamp64Milli(call_answered_at) - toUnixTimestamp64Milli(call_offered_at))) FROM {db}.outcomes WHERE call != ''`
	if got, want := b.ask(facts), "('k1','transferred','anne','guard',4711,'closure',4,20000,80,4000)"; got != want {
		t.Errorf("archived %s, want %s", got, want)
	}
	if got := b.ask("SELECT toString(count()) FROM {db}.outcomes WHERE call = ''"); got != "1" {
		t.Errorf("%s outcomes of no call", got)
	}
}

// Package siege is the receiver under hostile loads and with a Kafka that fails: a
// receiver and its appender as a process of their own, a real Kafka, a fleet of good
// panels on raw sockets that keeps account of its ACKs, and attackers beside them. It
// is tests only; this page says what they hold and how each is run.
//
//	go test ./services/receiver/siege
//
// runs all in the small form: facts are asserted, times never.
//
//	go test -count=1 -timeout 2h -run TestHostileLoad ./services/receiver/siege -args -panels 10000 -phase 20s -report out.md
//	go test -count=1 -timeout 2h -run TestKafkaFaults ./services/receiver/siege -args -hold 20s
//	make soak
//
// are the large ones. (Kafka's keeper ends one that is silent for 45 s, so a fault is
// held for less.) Panels, attackers, Kafka and receiver are processes, because a
// process has a bounded number of files and because only so is the memory measured
// the receiver's own. A process is this test binary again, told by the environment
// what it is to play; orders go in and answers come out as lines of JSON.
//
// Panels send at planned times, whatever came of the frames before (an open loop),
// and the time of an answer counts from the planned time: a receiver that stands
// still for a second is charged with every frame that was due in it. A phase in which
// the panels' own process was late says so, and the run is not valid.
package siege

package broker

import (
	"fmt"
	"strings"
)

// properties are Kafka's settings, written before each start: the ports may have
// changed since the last one.
func (k *Kafka) properties() string {
	broker, controller := loopback(k.cfg.Port), loopback(k.cfg.ControllerPort)
	var b strings.Builder
	b.WriteString("# Written by vigie at each start; changes are lost.\n")
	for _, kv := range [][2]string{
		{"process.roles", "broker,controller"},
		{"node.id", "1"},
		// Static voters: the controller's port is read here, not from the storage.
		{"controller.quorum.voters", "1@" + controller},
		{"listeners", "BROKER://" + broker + ",CONTROLLER://" + controller},
		{"advertised.listeners", "BROKER://" + broker},
		{"listener.security.protocol.map", "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT"},
		{"inter.broker.listener.name", "BROKER"},
		{"controller.listener.names", "CONTROLLER"},
		{"log.dirs", k.file("log")},

		// Topics come from provisioning only: a typo must not make one.
		{"auto.create.topics.enable", "false"},
		{"unclean.leader.election.enable", "false"},
		{"message.max.bytes", "1048588"},

		// One node holds every copy there is.
		{"default.replication.factor", "1"},
		{"min.insync.replicas", "1"},
		{"offsets.topic.replication.factor", "1"},
		{"transaction.state.log.replication.factor", "1"},
		{"transaction.state.log.min.isr", "1"},
		{"share.coordinator.state.topic.replication.factor", "1"},
		{"share.coordinator.state.topic.min.isr", "1"},

		// Few groups and few transactional ids: fewer files, faster recovery.
		{"offsets.topic.num.partitions", "4"},
		{"transaction.state.log.num.partitions", "4"},
		// Ten years: a commit that vanished would make a reader start over.
		{"offsets.retention.minutes", "5256000"},
		{"group.initial.rebalance.delay.ms", "0"},

		// A killed broker may register again only when its last life is thought
		// dead: at the default of 9 s that is most of the time a restart takes.
		{"broker.session.timeout.ms", "3000"},
		{"broker.heartbeat.interval.ms", "500"},

		// A dead owner's transaction is looked for each second, not each ten.
		{"transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"},

		// Two cores, one client program. io threads wait for the disk with
		// flush.messages=1, so there is one for each partition.
		{"num.network.threads", "2"},
		{"num.io.threads", "8"},
		{"background.threads", "4"},
		{"num.recovery.threads.per.data.dir", "2"},
		{"log.cleaner.threads", "1"},
		{"log.cleaner.dedupe.buffer.size", "16777216"},

		// Retention is exact to a segment: small ones, looked at often.
		{"log.segment.bytes", "134217728"},
		{"log.retention.check.interval.ms", "60000"},
	} {
		fmt.Fprintf(&b, "%s=%s\n", kv[0], escape(kv[1]))
	}
	return b.String()
}

// escape keeps a path with backslashes whole in a Java properties file.
func escape(v string) string { return strings.ReplaceAll(v, `\`, `\\`) }

package io.openvigie.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.api.MockProcessorContext;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** The ring holds every site at each commit, however seldom a site is heard. */
class HeardLogTest {
    private final KeyValueStore<Bytes, byte[]> ring = org.apache.kafka.streams.state.Stores.keyValueStoreBuilder(
        org.apache.kafka.streams.state.Stores.inMemoryKeyValueStore("ring"), Serdes.Bytes(), Serdes.ByteArray())
        .withLoggingDisabled().build();

    private HeardLog open(SiteTable table) {
        HeardLog log = new HeardLog("heard", ring);
        log.fill(table);
        return log;
    }

    @Test
    void aTableReadBackIsTheOneThatWasWritten() {
        MockProcessorContext<Void, Void> context = new MockProcessorContext<>();
        ring.init(context.getStateStoreContext(), ring);
        Random random = new Random(7);
        SiteTable live = new SiteTable();
        HeardLog log = open(live);
        for (int commit = 0; commit < 5 * HeardLog.RING; commit++) {
            for (int i = random.nextInt(40); i > 0; i--) {
                // Few are heard often, most hardly ever.
                int slot = live.slot(1 + (long) Math.pow(random.nextDouble() * 30, 2.2));
                live.heard[slot] += 1 + random.nextInt(90_000);
                log.heard(slot);
            }
            log.flushCache();
            if (commit % 97 == 0) {
                assertEquals(heard(live), heard(read()));
            }
            if (commit % 400 == 399) {
                // A restart goes on with what it reads.
                live = new SiteTable();
                log = open(live);
            }
        }
        assertEquals(heard(live), heard(read()));
        assertTrue(records() <= HeardLog.RING, "the ring has " + records() + " records");
    }

    private SiteTable read() {
        SiteTable table = new SiteTable();
        open(table);
        return table;
    }

    private int records() {
        int n = 0;
        try (KeyValueIterator<Bytes, byte[]> all = ring.all()) {
            for (; all.hasNext(); n++) {
                all.next();
            }
        }
        return n;
    }

    private static Map<Long, Long> heard(SiteTable t) {
        Map<Long, Long> m = new HashMap<>();
        for (int slot = 0; slot < t.size(); slot++) {
            m.put(t.site[slot], t.heard[slot]);
        }
        return m;
    }
}

package io.openvigie.peer;

import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Runs the job in a task. Reading goes to a table in the heap, writing to the
 * stores: a heartbeat costs no look-up in a store and decodes no state. An aborted
 * transaction makes Streams restore the stores and call init again, which fills
 * the table anew.
 *
 * <p>Time is the log's: the tick records drive it, in process. A punctuator on
 * stream time would run between batches of records, wherever these end, and its
 * outputs would not be the same twice.
 */
final class Supervisor implements Processor<byte[], byte[], byte[], byte[]>, Job.Outputs, Job.Journal {
    static final String DETECTIONS = "to-detections";
    static final String STATES = "to-states";

    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Bytes, byte[]> rareStore;
    /** One of the two is there. */
    private KeyValueStore<Bytes, byte[]> heardStore;
    private HeardLog heardLog;

    private final SiteTable sites = new SiteTable();
    /** The keys of the sites in the stores, made once. */
    private Bytes[] keys = new Bytes[512];
    private LogReader reader;
    private long timestamp;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        rareStore = context.getStateStore(Stores.RARE);
        StateStore heard = context.getStateStore(Stores.HEARD);
        if (heard instanceof HeardLog log) {
            heardLog = log;
            log.fill(sites);
        } else {
            heardStore = context.getStateStore(Stores.HEARD);
            try (KeyValueIterator<Bytes, byte[]> all = heardStore.all()) {
                while (all.hasNext()) {
                    KeyValue<Bytes, byte[]> kv = all.next();
                    int slot = sites.slot(Codec.number(kv.key.get()));
                    sites.heard[slot] = Codec.number(kv.value);
                }
            }
        }
        try (KeyValueIterator<Bytes, byte[]> all = rareStore.all()) {
            while (all.hasNext()) {
                KeyValue<Bytes, byte[]> kv = all.next();
                int slot = sites.slot(Codec.number(kv.key.get()));
                sites.rare[slot] = Codec.rare(kv.value);
            }
        }
        reader = new LogReader(new Job(sites, this, this));
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        timestamp = record.timestamp();
        reader.read(record.value());
    }

    @Override
    public void heard(int slot) {
        if (heardLog != null) {
            heardLog.heard(slot);
        } else {
            heardStore.put(key(slot), Codec.number(sites.heard[slot]));
        }
    }

    @Override
    public void rare(int slot) {
        rareStore.put(key(slot), Codec.rare(sites.rare[slot]));
    }

    private Bytes key(int slot) {
        if (slot >= keys.length) {
            keys = Arrays.copyOf(keys, Math.max(slot + 1, keys.length * 2));
        }
        Bytes key = keys[slot];
        if (key == null) {
            key = Codec.key(sites.site[slot]);
            keys[slot] = key;
        }
        return key;
    }

    @Override
    public void detection(long site, byte[] value) {
        context.forward(new Record<>(outputKey(site), value, timestamp), DETECTIONS);
    }

    @Override
    public void siteState(long site, byte[] value) {
        context.forward(new Record<>(outputKey(site), value, timestamp), STATES);
    }

    private static byte[] outputKey(long site) {
        return Long.toString(site).getBytes(StandardCharsets.US_ASCII);
    }
}

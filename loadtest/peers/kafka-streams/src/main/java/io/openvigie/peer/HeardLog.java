package io.openvigie.peer;

import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

import java.util.Arrays;
import java.util.Map;

/**
 * Keeps when sites were heard as a ring of records, one a commit, each with all
 * sites heard since the one before. A site whose newest record is about to be
 * overwritten goes into the new one again, so that the ring always holds every
 * site. That is one record for thousands of heartbeats, where a plain store has a
 * record for each.
 *
 * <p>Streams calls flushCache before it commits, which no public interface offers;
 * the ring itself is a plain store that it logs and restores.
 */
final class HeardLog extends WrappedStateStore<KeyValueStore<Bytes, byte[]>, Bytes, byte[]> {
    /** Records of the ring. More make each smaller and the restore longer. */
    static final int RING = 256;

    private final String name;
    private SiteTable sites;
    private long commit;
    /** Slots heard since the last commit. */
    private int[] dirty = new int[1024];
    private int dirtyCount;
    /** The commit by which a slot was last written; while dirty, none. */
    private long[] written = new long[512];
    /** Slots in the order of their last writing: the oldest first. */
    private final SlotOrder order = new SlotOrder();
    private byte[] buffer = new byte[1 << 16];
    private int length;

    HeardLog(String name, KeyValueStore<Bytes, byte[]> ring) {
        super(ring);
        this.name = name;
    }

    @Override
    public String name() {
        return name;
    }

    /** Reads the ring into a table, which the log follows from then on. */
    void fill(SiteTable into) {
        sites = into;
        Wire in = new Wire();
        try (KeyValueIterator<Bytes, byte[]> all = wrapped().all()) {
            while (all.hasNext()) {
                KeyValue<Bytes, byte[]> record = all.next();
                in.over(record.value, 0, record.value.length);
                long number = in.varint();
                commit = Math.max(commit, number);
                long at = 0;
                while (in.more()) {
                    int slot = into.slot(in.varint());
                    at += in.zigzag();
                    into.heard[slot] = Math.max(into.heard[slot], at);
                }
            }
        }
        // Which record holds which site is not known here: all go into the next.
        room(into.size());
        for (int slot = 0; slot < into.size(); slot++) {
            if (into.heard[slot] != 0) {
                heard(slot);
            }
        }
    }

    void heard(int slot) {
        room(slot + 1);
        if (written[slot] < 0) {
            return;
        }
        if (dirtyCount == dirty.length) {
            dirty = Arrays.copyOf(dirty, dirtyCount * 2);
        }
        dirty[dirtyCount++] = slot;
        written[slot] = -1;
    }

    private void room(int slots) {
        if (slots > written.length) {
            written = Arrays.copyOf(written, Math.max(slots, written.length * 2));
        }
        order.room(slots);
    }

    @Override
    public void flushCache() {
        if (dirtyCount == 0) {
            return;
        }
        commit++;
        for (int i = 0; i < dirtyCount; i++) {
            order.toEnd(dirty[i]);
        }
        // The record of commit - RING goes: what stands nowhere else comes along.
        while (true) {
            int oldest = order.first();
            if (oldest < 0 || written[oldest] < 0 || written[oldest] > commit - RING) {
                break;
            }
            order.toEnd(oldest);
            heard(oldest);
        }
        write();
    }

    private void write() {
        length = 0;
        varint(commit);
        long before = 0;
        for (int i = 0; i < dirtyCount; i++) {
            int slot = dirty[i];
            long at = sites.heard[slot];
            varint(sites.site[slot]);
            varint((at - before) << 1 ^ at - before >> 63);
            before = at;
            written[slot] = commit;
        }
        dirtyCount = 0;
        wrapped().put(Codec.key(commit % RING), Arrays.copyOf(buffer, length));
    }

    private void varint(long v) {
        if (buffer.length - length < 10) {
            buffer = Arrays.copyOf(buffer, buffer.length * 2);
        }
        while ((v & ~0x7fL) != 0) {
            buffer[length++] = (byte) (v | 0x80);
            v >>>= 7;
        }
        buffer[length++] = (byte) v;
    }

    /** Makes the store of a task. */
    record Builder(String name, StoreBuilder<?> ring) implements StoreBuilder<HeardLog> {
        @Override
        public StoreBuilder<HeardLog> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<HeardLog> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<HeardLog> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<HeardLog> withLoggingDisabled() {
            throw new UnsupportedOperationException("the log is the store");
        }

        @Override
        @SuppressWarnings("unchecked")
        public HeardLog build() {
            return new HeardLog(name, (KeyValueStore<Bytes, byte[]>) ring.build());
        }

        @Override
        public Map<String, String> logConfig() {
            return ring.logConfig();
        }

        @Override
        public boolean loggingEnabled() {
            return true;
        }
    }
}

package io.openvigie.peer;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;

import java.util.Map;

import static org.apache.kafka.streams.state.Stores.inMemoryKeyValueStore;
import static org.apache.kafka.streams.state.Stores.keyValueStoreBuilder;
import static org.apache.kafka.streams.state.Stores.persistentKeyValueStore;

/** The two stores of a task: when each site was heard, and what else is known of some. */
final class Stores {
    static final String HEARD = "heard";
    static final String RARE = "rare";

    /** How the state is kept. */
    enum Kind {
        /** A record of the changelog for each site heard; values in the heap. */
        MEMORY,
        /** The same, values in RocksDB. */
        ROCKSDB,
        /** One record of the changelog a commit, with all sites heard since the last. */
        PACKED
    }

    /** Small segments, compacted early: a restore reads what the cleaner has left. */
    private static final Map<String, String> CHANGELOG = Map.of(
        "segment.bytes", "33554432", "min.cleanable.dirty.ratio", "0.1");

    private Stores() { }

    static StoreBuilder<?> heard(Kind kind, boolean cached) {
        return kind == Kind.PACKED ? new HeardLog.Builder(HEARD, plain(Kind.MEMORY, HEARD, false)) : plain(kind, HEARD, cached);
    }

    static StoreBuilder<?> rare(Kind kind, boolean cached) {
        return plain(kind == Kind.ROCKSDB ? kind : Kind.MEMORY, RARE, cached);
    }

    private static StoreBuilder<KeyValueStore<Bytes, byte[]>> plain(Kind kind, String name, boolean cached) {
        KeyValueBytesStoreSupplier supplier = kind == Kind.ROCKSDB ? persistentKeyValueStore(name) : inMemoryKeyValueStore(name);
        StoreBuilder<KeyValueStore<Bytes, byte[]>> b =
            keyValueStoreBuilder(supplier, Serdes.Bytes(), Serdes.ByteArray()).withLoggingEnabled(CHANGELOG);
        return cached ? b.withCachingEnabled() : b.withCachingDisabled();
    }
}

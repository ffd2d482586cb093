package io.openvigie.peer;

import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;

import java.util.Properties;

/** Every setting that is not Streams' default, with its reason. */
final class Settings {
    private static final int MB = 1 << 20;

    private Settings() { }

    static Properties of(Options o) {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, o.application());
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, o.brokers());
        p.put(StreamsConfig.STATE_DIR_CONFIG, o.stateDir());
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, o.commitMs());
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, o.threads());
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, o.cacheBytes());
        p.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        p.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksSettings.class);
        p.put(RocksSettings.BLOCK_CACHE_MB, o.blockCacheMb());
        // A whole poll fits: a partition is paused and resumed at each thousand else.
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
        p.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        consumer(p);
        producer(p);
        return p;
    }

    private static void consumer(Properties p) {
        set(p, StreamsConfig.mainConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 20_000);
        // Few large fetches.
        set(p, StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * MB);
        set(p, StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), MB);
        // A restore reads as fast as the table takes it.
        set(p, StreamsConfig.restoreConsumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 50_000);
        // A restart in place moves nothing and waits for nothing, as with Vigie's processor.
        set(p, StreamsConfig.mainConsumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), "peer");
        set(p, StreamsConfig.mainConsumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 6_000);
        set(p, StreamsConfig.mainConsumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG), 1_000);
    }

    private static void producer(Properties p) {
        // A commit flushes: what lingers until then fills batches.
        set(p, StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        set(p, StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), MB / 2);
        set(p, StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128 * MB);
        // The codec of Vigie's processor too; the cheapest in CPU with a gain.
        set(p, StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
    }

    private static void set(Properties p, String key, Object value) {
        p.put(key, value);
    }
}

package io.openvigie.peer;

import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

import java.util.Map;

/** RocksDB for stores that are written all the time and read at the start only. */
public final class RocksSettings implements RocksDBConfigSetter {
    static final String BLOCK_CACHE_MB = "peer.block.cache.mb";

    private static Cache cache;
    private static WriteBufferManager buffers;

    /** One cache and one bound of write buffers for all stores of the process. */
    private static synchronized void share(long mb) {
        if (cache == null) {
            cache = new LRUCache(mb << 20);
            buffers = new WriteBufferManager(mb << 20, cache);
        }
    }

    @Override
    public void setConfig(String store, Options options, Map<String, Object> configs) {
        share(Long.parseLong(configs.getOrDefault(BLOCK_CACHE_MB, 64).toString()));
        BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(cache);
        table.setCacheIndexAndFilterBlocks(true);
        table.setFilterPolicy(new BloomFilter(10));
        table.setBlockSize(16 << 10);
        options.setTableFormatConfig(table);
        options.setWriteBufferManager(buffers);
        // Overwrites of one key meet in memory: the larger the buffer, the fewer are written.
        options.setWriteBufferSize(16 << 20);
        options.setMaxWriteBufferNumber(3);
        options.setCompressionType(CompressionType.LZ4_COMPRESSION);
    }

    @Override
    public void close(String store, Options options) {
        // The cache and the buffers are the process's.
    }
}

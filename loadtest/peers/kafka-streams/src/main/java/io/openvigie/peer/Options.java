package io.openvigie.peer;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The command line: --name value pairs.
 *
 * @param brokers       host:port of a broker
 * @param prefix        stands before the names of topics
 * @param stateDir      directory of RocksDB and of the process id
 * @param store         how the state is kept
 * @param threads       stream threads
 * @param commitMs      how often a transaction is committed, ms
 * @param cacheBytes    record cache before the stores; 0 for none, by the store when not given
 * @param blockCacheMb  RocksDB's block cache, MiB, for the process
 */
record Options(String brokers, String prefix, String stateDir, Stores.Kind store, int threads, int commitMs,
               long cacheBytes, int blockCacheMb) {
    private static final Map<String, String> DEFAULTS = Map.of(
        "brokers", "", "prefix", "vigie.", "state-dir", "", "store", "packed", "threads", "1",
        "commit-ms", "100", "cache-bytes", "", "block-cache-mb", "64");
    /** A site that is heard twice between commits is written to RocksDB once; in the heap it does not pay. */
    private static final Map<Stores.Kind, Long> CACHE_BYTES =
        Map.of(Stores.Kind.ROCKSDB, 64L << 20, Stores.Kind.MEMORY, 0L, Stores.Kind.PACKED, 0L);

    static Options parse(String[] args) {
        Map<String, String> given = new HashMap<>(DEFAULTS);
        Set<String> known = DEFAULTS.keySet();
        for (int i = 0; i < args.length; i += 2) {
            String name = args[i].startsWith("--") ? args[i].substring(2) : args[i];
            if (!known.contains(name) || i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + ": give pairs of --name value, names " + known);
            }
            given.put(name, args[i + 1]);
        }
        for (String needed : new String[] {"brokers", "state-dir"}) {
            if (given.get(needed).isEmpty()) {
                throw new IllegalArgumentException("--" + needed + " is missing");
            }
        }
        Stores.Kind store = Stores.Kind.valueOf(given.get("store").toUpperCase(Locale.ROOT));
        String cache = given.get("cache-bytes");
        return new Options(given.get("brokers"), given.get("prefix"), given.get("state-dir"),
            store, Integer.parseInt(given.get("threads")), Integer.parseInt(given.get("commit-ms")),
            cache.isEmpty() ? CACHE_BYTES.get(store) : Long.parseLong(cache),
            Integer.parseInt(given.get("block-cache-mb")));
    }

    /** The application id: the group, and the first part of changelogs' names. */
    String application() {
        return prefix + "peer-" + store.name().toLowerCase(Locale.ROOT);
    }
}

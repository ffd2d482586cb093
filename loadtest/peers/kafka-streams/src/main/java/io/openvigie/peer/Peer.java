package io.openvigie.peer;

import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

import java.util.concurrent.CountDownLatch;

/** The peer as a process: prints READY once its stores are restored, runs until it is told to stop. */
public final class Peer {
    private static final String SOURCE = "events";
    private static final String SUPERVISOR = "supervisor";

    private Peer() { }

    static Topology topology(Options o) {
        boolean cached = o.cacheBytes() > 0;
        ByteArraySerializer bytes = new ByteArraySerializer();
        return new Topology()
            .addSource(AutoOffsetReset.earliest(), SOURCE, new ByteArrayDeserializer(), new ByteArrayDeserializer(), o.prefix() + "events")
            .addProcessor(SUPERVISOR, Supervisor::new, SOURCE)
            .addStateStore(Stores.heard(o.store(), cached), SUPERVISOR)
            .addStateStore(Stores.rare(o.store(), cached), SUPERVISOR)
            .addSink(Supervisor.DETECTIONS, o.prefix() + "peer-detections", bytes, bytes, SUPERVISOR)
            .addSink(Supervisor.STATES, o.prefix() + "peer-site-states", bytes, bytes, SUPERVISOR);
    }

    /** Runs the peer; exits with 2 when the command line is wrong. */
    public static void main(String[] args) throws InterruptedException {
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println("peer: " + e.getMessage());
            System.exit(2);
            return;
        }
        KafkaStreams streams = new KafkaStreams(topology(options), Settings.of(options));
        CountDownLatch end = new CountDownLatch(1);
        // A transaction that the broker gave up, as it does on a machine short of time,
        // ends a thread (InvalidTxnStateException); the next one goes on from the last commit.
        streams.setUncaughtExceptionHandler(e -> {
            System.err.println("peer: a stream thread is replaced: " + e);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("READY");
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            end.countDown();
            streams.close();
        }));
        streams.start();
        end.await();
    }
}

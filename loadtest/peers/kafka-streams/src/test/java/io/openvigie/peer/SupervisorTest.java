package io.openvigie.peer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.ByteString;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import vigie.v1.BeatOuterClass.Beat;
import vigie.v1.Common.AreaMode;
import vigie.v1.DetectionOuterClass.Detection;
import vigie.v1.EventOuterClass.Event;
import vigie.v1.EventPanel.AlarmRaised;
import vigie.v1.EventPanel.Armed;
import vigie.v1.EventPanel.Disarmed;
import vigie.v1.EventPanel.Heartbeat;
import vigie.v1.EventSite.PathDeclared;
import vigie.v1.EventSite.SiteDeclared;
import vigie.v1.Record.LogRecord;
import vigie.v1.Site.SiteState;

import java.nio.file.Path;
import java.util.List;

/** The rules of the job, record by record, on each kind of store. Times: ms since START. */
class SupervisorTest {
    private static final long START = 1_700_000_000_000L;
    private static final long SITE = 4711;

    @TempDir
    Path dir;
    private TopologyTestDriver driver;
    private TestInputTopic<byte[], byte[]> in;
    private TestOutputTopic<byte[], byte[]> detections;
    private TestOutputTopic<byte[], byte[]> states;

    private void start(Stores.Kind kind, int cacheBytes) {
        Options o = Options.parse(new String[] {"--brokers", "none:1", "--state-dir", dir.toString(),
            "--store", kind.name(), "--cache-bytes", String.valueOf(cacheBytes)});
        driver = new TopologyTestDriver(Peer.topology(o), Settings.of(o));
        in = driver.createInputTopic("vigie.events", new ByteArraySerializer(), new ByteArraySerializer());
        detections = driver.createOutputTopic("vigie.peer-detections", new ByteArrayDeserializer(), new ByteArrayDeserializer());
        states = driver.createOutputTopic("vigie.peer-site-states", new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    @AfterEach
    void close() {
        if (driver != null) {
            driver.close();
        }
    }

    private void pipe(long at, LogRecord.Builder r) {
        in.pipeInput(new TestRecord<>(null, r.build().toByteArray(), null, START + at));
    }

    private static Event.Builder event(long at) {
        return Event.newBuilder().setSite(SITE).setReceivedAtMs(START + at).setId(ByteString.copyFromUtf8("id at " + at));
    }

    private void heartbeat(long at) {
        pipe(at, LogRecord.newBuilder().setEvent(event(at).setHeartbeat(Heartbeat.newBuilder().setPath(1))));
    }

    private void beat(long at, long... heard) {
        Beat.Builder b = Beat.newBuilder().setWriter("r").setTMs(START + at).setBaseMs(START);
        long before = 0;
        for (long h : heard) {
            b.addSite(SITE).addReceivedDeltaMs(h - before);
            before = h;
        }
        pipe(at, LogRecord.newBuilder().setBeat(b));
    }

    private void alarm(long at) {
        pipe(at, LogRecord.newBuilder().setEvent(event(at).setAlarmRaised(AlarmRaised.getDefaultInstance())));
    }

    /** What was detected since the last call: kind, status, at, and the count of a storm. */
    private List<String> detected() {
        return detections.readRecordsToList().stream().map(r -> {
            try {
                assertEquals(String.valueOf(SITE), new String(r.key()));
                Detection d = Detection.parseFrom(r.value());
                return d.getKind().name().replace("DETECTION_KIND_", "") + " "
                    + d.getStatus().name().replace("DETECTION_STATUS_", "") + " " + (d.getAtMs() - START)
                    + (d.getEvidenceCount9() == 0 ? "" : " of " + d.getEvidenceCount9()) + " in record of " + (r.timestamp() - START);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }).toList();
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void silenceIsConcludedByTheFirstTickPastTheInterval(Stores.Kind kind) {
        start(kind, 0);
        heartbeat(100);
        heartbeat(1_000);
        beat(180_999);
        assertEquals(List.of(), detected());
        beat(181_000);
        assertEquals(List.of("COMMUNICATION_LOST OPENED 181000 in record of 181000"), detected());
        beat(400_000);
        assertEquals(List.of(), detected());
        heartbeat(400_100);
        assertEquals(List.of("COMMUNICATION_LOST CLOSED 400100 in record of 400100"), detected());
        beat(580_250);
        assertEquals(List.of("COMMUNICATION_LOST OPENED 580100 in record of 580250"), detected());
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void heartbeatsOfABeatComeBeforeItsTick(Stores.Kind kind) {
        start(kind, 0);
        beat(250, 100, 200);
        beat(180_250, 180_150);
        beat(360_100);
        assertEquals(List.of(), detected());
        beat(360_250, 360_120); // Came in time, though the tick is past the deadline.
        beat(540_000);
        assertEquals(List.of(), detected());
        beat(540_250);
        assertEquals(List.of("COMMUNICATION_LOST OPENED 540120 in record of 540250"), detected());
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void anAgreedIntervalStandsOverTheDefault(Stores.Kind kind) {
        start(kind, 1 << 20);
        heartbeat(0);
        heartbeat(1);
        pipe(2, LogRecord.newBuilder().setEvent(event(2).setSiteDeclared(SiteDeclared.newBuilder()
            .addPaths(PathDeclared.newBuilder().setPath(2).setIntervalMs(1))
            .addPaths(PathDeclared.newBuilder().setPath(1).setIntervalMs(60_000)))));
        beat(60_000);
        assertEquals(List.of(), detected());
        beat(60_001);
        assertEquals(List.of("COMMUNICATION_LOST OPENED 60001 in record of 60001"), detected());
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void onlyChangesOfArmingAreTold(Stores.Kind kind) throws Exception {
        start(kind, 0);
        Armed full = Armed.newBuilder().setMode(AreaMode.AREA_MODE_ARMED_FULL).build();
        pipe(1, LogRecord.newBuilder().setEvent(event(1).setArmed(full)));
        pipe(2, LogRecord.newBuilder().setEvent(event(2).setArmed(full)));
        pipe(3, LogRecord.newBuilder().setEvent(event(3).setDisarmed(Disarmed.getDefaultInstance())));
        List<TestRecord<byte[], byte[]>> told = states.readRecordsToList();
        assertEquals(2, told.size());
        SiteState last = SiteState.parseFrom(told.get(1).value());
        assertEquals(2, last.getVersion());
        assertEquals("id at 3", last.getCauseEventId().toStringUtf8());
        assertEquals(AreaMode.AREA_MODE_DISARMED, last.getAreas(0).getMode());
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void aStormOpensAtTheTenthAlarmAndClosesWhenTwentyMinutesHeldFewerThanTwo(Stores.Kind kind) {
        start(kind, 0);
        for (int i = 0; i < 10; i++) {
            alarm(i * 66_700L);
        }
        assertEquals(List.of(), detected()); // Ten within 600,300 ms.
        alarm(650_000);
        assertEquals(List.of("ALARM_STORM OPENED 650000 of 10 in record of 650000"), detected());
        alarm(700_000);
        beat(1_849_999);
        assertEquals(List.of(), detected());
        beat(1_850_000);
        assertEquals(List.of("ALARM_STORM CLOSED 1850000 of 11 in record of 1850000"), detected());
        for (int i = 0; i < 9; i++) {
            alarm(1_900_000 + i);
        }
        assertEquals(List.of(), detected()); // Counted anew.
    }

    @ParameterizedTest
    @EnumSource(Stores.Kind.class)
    void whatIsDamagedOrNewerStopsTheTask(Stores.Kind kind) {
        start(kind, 0);
        assertThrows(Exception.class, () -> in.pipeInput(new TestRecord<>(null, new byte[] {0x0a, 0x7f}, null, START)));
        assertThrows(Exception.class, () -> pipe(1, LogRecord.newBuilder().setVersion(2)));
    }
}

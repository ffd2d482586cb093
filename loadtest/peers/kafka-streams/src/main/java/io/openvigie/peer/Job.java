package io.openvigie.peer;

import com.google.protobuf.ByteString;
import vigie.v1.DetectionOuterClass.Detection;
import vigie.v1.DetectionOuterClass.DetectionKind;
import vigie.v1.DetectionOuterClass.DetectionStatus;
import vigie.v1.Site.AreaState;
import vigie.v1.Site.SiteState;

import java.nio.ByteBuffer;

/**
 * The job, for the sites of one partition: who is silent, what is armed, where it
 * storms. It knows neither Kafka nor stores. README.md states its rules; the other
 * side of the comparison is loadtest/peers/supervision.
 */
final class Job implements LogReader.Listener {
    /** What the job says, in order. */
    interface Outputs {
        void detection(long site, byte[] value);

        void siteState(long site, byte[] value);
    }

    /** What must be kept: told after each change of a slot. */
    interface Journal {
        void heard(int slot);

        void rare(int slot);
    }

    static final long DEFAULT_INTERVAL_MS = 180_000;
    static final int STORM_ALARMS = 10;
    static final long STORM_WINDOW_MS = 600_000;
    static final long STORM_QUIET_MS = 1_200_000;

    private final SiteTable sites;
    private final Journal journal;
    private final Outputs out;
    private final Wheel silences = new Wheel();
    private final Wheel storms = new Wheel();
    private final Wheel.Firing concludeSilence = this::concludeSilence;
    private final Wheel.Firing concludeStorm = this::concludeStorm;

    Job(SiteTable sites, Journal journal, Outputs out) {
        this.sites = sites;
        this.journal = journal;
        this.out = out;
        for (int slot = 0; slot < sites.size(); slot++) {
            resume(slot);
        }
    }

    /** Arms what a restored site waits for. */
    private void resume(int slot) {
        watch(slot);
        SiteTable.Rare r = sites.rare[slot];
        if (r != null && r.storm) {
            r.stormDue = storms.arm(slot, stormEnd(r), r.lastAlarm);
        }
    }

    @Override
    public void heard(long number, long atMs) {
        int slot = sites.slot(number);
        long before = sites.heard[slot];
        if (atMs <= before) {
            return; // It came another way before.
        }
        SiteTable.Rare r = sites.rare[slot];
        if (r != null && r.lost) {
            long lostAt = before + interval(slot);
            r.lost = false;
            journal.rare(slot);
            out.detection(number, detection(number, DetectionKind.DETECTION_KIND_COMMUNICATION_LOST, lostAt)
                .setStatus(DetectionStatus.DETECTION_STATUS_CLOSED).setAtMs(atMs).setClosedAtMs(atMs)
                .setIntervalMs(interval(slot)).setLastHeardMs(before).setCloseReason("restored").build().toByteArray());
        }
        sites.heard[slot] = atMs;
        journal.heard(slot);
        if (sites.due[slot] == 0) {
            watch(slot);
        }
    }

    @Override
    public void declared(long number, long intervalMs) {
        int slot = sites.slot(number);
        sites.rare(slot).intervalMs = intervalMs;
        journal.rare(slot);
        watch(slot);
    }

    private long interval(int slot) {
        SiteTable.Rare r = sites.rare[slot];
        return r == null || r.intervalMs == 0 ? DEFAULT_INTERVAL_MS : r.intervalMs;
    }

    /** Arms the deadline of a site that was heard and is not lost. */
    private void watch(int slot) {
        SiteTable.Rare r = sites.rare[slot];
        if (sites.heard[slot] != 0 && (r == null || !r.lost)) {
            sites.due[slot] = silences.arm(slot, sites.heard[slot] + interval(slot), sites.heard[slot]);
        }
    }

    @Override
    public void mode(long number, long atMs, int mode, byte[] data, int idFrom, int idTo) {
        int slot = sites.slot(number);
        SiteTable.Rare r = sites.rare(slot);
        if (r.mode == mode) {
            return;
        }
        r.mode = mode;
        r.version++;
        journal.rare(slot);
        out.siteState(number, SiteState.newBuilder().setSite(number).setVersion(r.version).setChangedAtMs(atMs)
            .setCauseEventId(ByteString.copyFrom(data, idFrom, idTo - idFrom))
            .addAreas(AreaState.newBuilder().setArea("1").setModeValue(mode).setSinceMs(atMs)).build().toByteArray());
    }

    @Override
    public void alarm(long number, long atMs) {
        int slot = sites.slot(number);
        SiteTable.Rare r = sites.rare(slot);
        r.alarmBefore = r.lastAlarm;
        r.lastAlarm = atMs;
        if (r.storm) {
            r.stormCount++;
        } else {
            stormBegins(slot, r, atMs);
        }
        journal.rare(slot);
    }

    private void stormBegins(int slot, SiteTable.Rare r, long atMs) {
        if (r.alarmCount == STORM_ALARMS) {
            System.arraycopy(r.alarms, 1, r.alarms, 0, STORM_ALARMS - 1);
            r.alarmCount--;
        }
        r.alarms[r.alarmCount++] = atMs;
        if (r.alarmCount < STORM_ALARMS || atMs - r.alarms[0] > STORM_WINDOW_MS) {
            return;
        }
        r.storm = true;
        r.stormOpenedAt = atMs;
        r.stormCount = STORM_ALARMS;
        r.alarmCount = 0;
        r.stormDue = storms.arm(slot, stormEnd(r), atMs);
        long number = sites.site[slot];
        out.detection(number, storm(number, r).setStatus(DetectionStatus.DETECTION_STATUS_OPENED).setAtMs(atMs).build().toByteArray());
    }

    /** When fewer than two alarms will have come in STORM_QUIET_MS, if none comes. */
    private static long stormEnd(SiteTable.Rare r) {
        return r.alarmBefore + STORM_QUIET_MS;
    }

    @Override
    public void tick(long nowMs) {
        storms.fire(nowMs, concludeStorm);
        silences.fire(nowMs, concludeSilence);
    }

    private void concludeStorm(int slot, long bucket, long nowMs) {
        SiteTable.Rare r = sites.rare[slot];
        if (!r.storm || r.stormDue != bucket) {
            return;
        }
        long end = stormEnd(r);
        if (end > nowMs) {
            r.stormDue = storms.arm(slot, end, nowMs);
            return;
        }
        long number = sites.site[slot];
        r.storm = false;
        journal.rare(slot);
        out.detection(number, storm(number, r).setStatus(DetectionStatus.DETECTION_STATUS_CLOSED).setAtMs(end)
            .setClosedAtMs(end).setCloseReason("rate fell").build().toByteArray());
    }

    private void concludeSilence(int slot, long bucket, long nowMs) {
        if (sites.due[slot] != bucket) {
            return; // Armed anew for another deadline meanwhile.
        }
        long deadline = sites.heard[slot] + interval(slot);
        if (deadline > nowMs) {
            sites.due[slot] = silences.arm(slot, deadline, nowMs);
            return;
        }
        sites.due[slot] = 0;
        long number = sites.site[slot];
        sites.rare(slot).lost = true;
        journal.rare(slot);
        out.detection(number, detection(number, DetectionKind.DETECTION_KIND_COMMUNICATION_LOST, deadline)
            .setStatus(DetectionStatus.DETECTION_STATUS_OPENED).setAtMs(deadline)
            .setIntervalMs(interval(slot)).setLastHeardMs(sites.heard[slot]).build().toByteArray());
    }

    private Detection.Builder storm(long number, SiteTable.Rare r) {
        return detection(number, DetectionKind.DETECTION_KIND_ALARM_STORM, r.stormOpenedAt)
            .setEvidenceCount9(r.stormCount).setThreshold(STORM_ALARMS).setWindowMs(STORM_WINDOW_MS);
    }

    /** The id says what it is: the site, and when it opened. */
    private static Detection.Builder detection(long number, DetectionKind kind, long openedAtMs) {
        byte[] id = ByteBuffer.allocate(16).putLong(number).putLong(openedAtMs).array();
        return Detection.newBuilder().setId(ByteString.copyFrom(id)).setSite(number).setKind(kind).setOpenedAtMs(openedAtMs);
    }
}

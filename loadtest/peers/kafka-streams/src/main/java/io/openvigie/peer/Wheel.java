package io.openvigie.peer;

import java.util.Arrays;

/**
 * Deadlines of slots, in buckets of 250 ms: to arm one is a write, to fire one a
 * read. A deadline beyond the wheel stands in its last bucket, looked at again then.
 */
final class Wheel {
    /** Looks at a slot whose deadline may be due, and arms again what is not. */
    interface Firing {
        void due(int slot, long bucket, long nowMs);
    }

    private static final int STEP_MS = 250;
    private static final int BUCKETS = 8192;
    private static final int[] NONE = {};

    private final int[][] slots = new int[BUCKETS][];
    private final int[] count = new int[BUCKETS];
    /** The first bucket that was not emptied yet, counted from the epoch; 0 before the first. */
    private long next;

    Wheel() {
        Arrays.fill(slots, NONE);
    }

    /** Arms a deadline that an event of sinceMs gave, and returns the bucket in which it stands. */
    long arm(int slot, long deadlineMs, long sinceMs) {
        long at = deadlineMs / STEP_MS;
        if (next == 0) {
            next = sinceMs / STEP_MS;
        }
        at = Math.max(next, Math.min(at, next + BUCKETS - 1));
        int bucket = (int) (at % BUCKETS);
        int n = count[bucket];
        if (n == slots[bucket].length) {
            slots[bucket] = Arrays.copyOf(slots[bucket], Math.max(16, n * 2));
        }
        slots[bucket][n] = slot;
        count[bucket] = n + 1;
        return at;
    }

    /**
     * Hands on every slot of the buckets up to now. Firing arms again what is not
     * due: in the bucket of now, which stays open, or later.
     */
    void fire(long nowMs, Firing f) {
        long last = nowMs / STEP_MS;
        if (next == 0) {
            return;
        }
        // A jump past the whole wheel looks at each bucket once.
        next = Math.max(next, last - BUCKETS + 1);
        while (next < last) {
            empty(next++, nowMs, f);
        }
        if (next == last) {
            empty(next, nowMs, f);
        }
    }

    private void empty(long at, long nowMs, Firing f) {
        int bucket = (int) (at % BUCKETS);
        int[] due = slots[bucket];
        int n = count[bucket];
        if (n == 0) {
            return;
        }
        // What is armed meanwhile goes into fresh room.
        slots[bucket] = NONE;
        count[bucket] = 0;
        for (int i = 0; i < n; i++) {
            f.due(due[i], at, nowMs);
        }
        if (count[bucket] == 0) {
            slots[bucket] = due;
        }
    }
}

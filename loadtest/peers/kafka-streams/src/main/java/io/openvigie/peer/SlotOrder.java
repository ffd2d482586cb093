package io.openvigie.peer;

import java.util.Arrays;

/** Slots in an order in which each can be moved to the end: a linked list in two arrays. */
final class SlotOrder {
    private static final int NONE = -1;
    private static final int OUT = -2;

    private int[] before = {};
    private int[] after = {};
    private int first = NONE;
    private int last = NONE;

    void room(int slots) {
        int had = before.length;
        if (slots > had) {
            int room = Math.max(slots, had * 2);
            before = Arrays.copyOf(before, room);
            after = Arrays.copyOf(after, room);
            Arrays.fill(before, had, room, OUT);
        }
    }

    /** The slot that was moved longest ago; negative when there is none. */
    int first() {
        return first;
    }

    void toEnd(int slot) {
        if (slot == last) {
            return;
        }
        if (before[slot] != OUT) {
            unlink(slot);
        }
        before[slot] = last;
        after[slot] = NONE;
        if (last == NONE) {
            first = slot;
        } else {
            after[last] = slot;
        }
        last = slot;
    }

    private void unlink(int slot) {
        int b = before[slot];
        int a = after[slot];
        if (b == NONE) {
            first = a;
        } else {
            after[b] = a;
        }
        before[a] = b; // Never the last one.
    }
}

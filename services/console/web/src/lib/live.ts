import type { Pipeline } from './types'

/** Past this silence or delay the page says that it is not live. */
export const STALE_AFTER_MS = 5_000

export type Live =
  | { state: 'connecting' }
  | { state: 'live' }
  | { state: 'stale'; since: number; why: 'connection' | 'processing'; behindMs: number }

/**
 * Whether the page shows the present. messageAt is when the stream last said
 * anything and pipelineAt when its figures came, both on this machine's
 * clock, 0 for never; startedAt is when the page first asked.
 */
export function liveness(now: number, startedAt: number, messageAt: number, pipelineAt: number, pipeline: Pipeline | null): Live {
  if (messageAt === 0) {
    if (now - startedAt <= STALE_AFTER_MS) return { state: 'connecting' }
    return { state: 'stale', since: startedAt, why: 'connection', behindMs: now - startedAt }
  }
  if (now - messageAt > STALE_AFTER_MS) return { state: 'stale', since: messageAt, why: 'connection', behindMs: now - messageAt }
  if (!pipeline) return { state: 'connecting' }
  const behindMs = pipeline.watermark_age_ms + Math.max(0, now - pipelineAt)
  if (!pipeline.live || behindMs > STALE_AFTER_MS) return { state: 'stale', since: now - behindMs, why: 'processing', behindMs }
  return { state: 'live' }
}

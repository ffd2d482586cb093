import type { IncidentForm } from './forms'

/** The form that the incident's sheet shows, and what it starts with. */
class SheetState {
  form = $state<IncidentForm>('contact')
  start = $state.raw<Record<string, string>>({})
  /** Moves when a form is asked for, so that it is focused again. */
  asked = $state(0)

  show(form: IncidentForm, start: Record<string, string> = {}): void {
    this.form = form
    this.start = start
    this.asked++
  }

  private taken = 0
  /** Whether a form was asked for that was not focused yet: moving on in the queue focuses none. */
  take(): boolean {
    const fresh = this.asked !== this.taken
    this.taken = this.asked
    return fresh
  }
}

export const sheet = new SheetState()

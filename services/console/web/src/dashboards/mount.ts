import { mount } from 'svelte'
import Dashboards from './Dashboards.svelte'

/** The dashboards' page, in the place of the main one. */
export const show = (target: HTMLElement) => mount(Dashboards, { target })

import { mount } from 'svelte'
import App from './App.svelte'
import './app.css'
import { store } from './lib/store.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')
// Dashboards come in a piece of their own: who works the queue never loads it.
if (/^\/dashboards(\/|$)/.test(location.pathname)) {
  void import('./dashboards/mount').then((d) => d.show(target))
} else {
  store.start()
  mount(App, { target })
}

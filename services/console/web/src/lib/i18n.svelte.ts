import type { Lang } from './format'
import { en, fr, type Messages } from './messages'

const KEY = 'vigie.lang'

/** The language kept from last time, else the first of the browser's that exists. */
export function firstLang(kept: string | null, browser: readonly string[]): Lang {
  if (kept === 'fr' || kept === 'en') return kept
  for (const tag of browser) {
    const l = tag.slice(0, 2).toLowerCase()
    if (l === 'fr' || l === 'en') return l
  }
  return 'en'
}

class I18n {
  lang = $state<Lang>(firstLang(localStorage.getItem(KEY), navigator.languages))
  m: Messages = $derived(this.lang === 'fr' ? fr : en)

  set(lang: Lang): void {
    this.lang = lang
    localStorage.setItem(KEY, lang)
  }
}

export const i18n = new I18n()

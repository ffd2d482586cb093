import type { Lang } from '../lib/format'
import { en as enPage, fr as frPage } from '../lib/messages'

// The dashboards' JSON is in English, for Grafana shows it as it is. Here stands
// its French, by the English text; a test finds the text that has none.
const fr: Record<string, string> = {
  'Centre now': 'Le centre maintenant',
  'Is today normal? The first row answers; what follows says why.': 'La journée est-elle normale ? La première ligne répond, la suite dit pourquoi.',
  'Load against usual': 'Charge, par rapport à l’habitude',
  "Accepted alarms of the last hour against the usual: the median of the same hour of day over up to 28 earlier days, else of the hours just before. Normal to 1.5 times the usual, busy to 3 times, crisis beyond; very quiet below a quarter, which may be a fault upstream. These figures are Vigie's own choice.":
    'Alarmes acceptées dans la dernière heure, comparées à l’habitude : la médiane de la même heure sur 28 jours au plus, sinon des heures juste avant. Normale jusqu’à 1,5 fois l’habitude, chargée jusqu’à 3 fois, crise au-delà ; très calme sous un quart, ce qui peut être une panne en amont. Ces seuils sont un choix de Vigie.',
  'No history yet': 'Pas encore d’historique',
  Load: 'Charge',
  'Very quiet': 'Très calme',
  Normal: 'Normale',
  Busy: 'Chargée',
  Crisis: 'Crise',
  'Alarms, last hour': 'Alarmes, dernière heure',
  Usual: 'Habitude',
  'Waiting for an operator': 'En attente d’un opérateur',
  "Incidents that nobody has claimed, of all classes, at the end of the range. Orange from 10: more than a night shift of two to four answers in a minute. Vigie's own choice.":
    'Incidents que personne n’a pris en compte, toutes classes, à la fin de la période. Orange à partir de 10 : plus que ce qu’une équipe de nuit de deux à quatre personnes traite en une minute. Choix de Vigie.',
  'Open the queue': 'Ouvrir la file',
  '0': '0',
  'Oldest unanswered': 'Plus ancien sans réponse',
  'How long the oldest incident waits for somebody to claim it. Orange from 90 s and red from 180 s: the figures commonly cited from EN 50518 for alarms other than hold-up, fire and the like (default, unverified).':
    'Depuis combien de temps le plus ancien incident attend d’être pris en compte. Orange à 90 s, rouge à 180 s : les valeurs couramment citées de l’EN 50518 pour les alarmes autres qu’agression, incendie et similaires (valeur par défaut, non vérifiée).',
  'Nobody waits': 'Aucune attente',
  'Sites not protected': 'Sites non protégés',
  'Declared sites that are not protected now: unreachable, closed but not armed, armed with zones left out, one path lost, never heard. The panel below gives the reasons.':
    'Sites déclarés qui ne sont pas protégés : injoignables, fermés sans être armés, armés avec des zones inhibées, une liaison perdue, jamais reçus. Les motifs sont donnés plus bas.',
  'Closed around the clock': 'Fermés en continu',
  'Sites closed around the clock at the end of the range, detected or declared.': 'Sites fermés en continu à la fin de la période, détectés ou déclarés.',
  'Operators active': 'Opérateurs actifs',
  'People with at least one act in the last 15 minutes. Somebody who only watches does not count.': 'Personnes ayant fait au moins un acte dans les 15 dernières minutes. Qui ne fait que regarder n’est pas compté.',
  'Age of the data': 'Âge des données',
  "How old the newest archived beat of the slowest partition is. Past 10 s the archive lags; past a minute it stands still, and nothing else here can be trusted. The thresholds are Vigie's own.":
    'Âge du dernier battement archivé de la partition la plus lente. Au-delà de 10 s l’archive est en retard ; au-delà d’une minute elle est arrêtée, et rien d’autre ici n’est fiable. Les seuils sont un choix de Vigie.',
  'No data archived': 'Rien d’archivé',
  'Alarms by class': 'Alarmes par classe',
  'Accepted alarms by the time of their receipt; what was heard again counts once.': 'Alarmes acceptées, selon leur heure de réception ; une répétition ne compte qu’une fois.',
  'No alarm in this time': 'Aucune alarme sur la période',
  'Hold-up': 'Agression',
  Duress: 'Contrainte',
  Fire: 'Incendie',
  Sprinkler: 'Sprinkler',
  Medical: 'Appel médical',
  'Lone worker': 'Travailleur isolé',
  Gas: 'Gaz',
  Tamper: 'Autoprotection',
  Jamming: 'Brouillage',
  Substitution: 'Substitution',
  Intrusion: 'Intrusion',
  'Confirmed intrusion': 'Intrusion confirmée',
  'Technical, critical': 'Technique critique',
  Technical: 'Technique',
  Mains: 'Secteur',
  Battery: 'Batterie',
  Communication: 'Communication',
  'Zone fault': 'Défaut de zone',
  Test: 'Essai',
  Information: 'Information',
  'Event not configured': 'Événement non paramétré',
  'Incidents: opened, claimed, closed, waiting': 'Incidents : ouverts, pris en compte, clos, en attente',
  'Incidents opened, claimed for the first time and closed in each bucket, and how many nobody held at its end. Opened above claimed for long means that the queue grows.':
    'Incidents ouverts, pris en compte pour la première fois et clos dans chaque intervalle, et combien personne ne tenait à sa fin. Si les ouverts dépassent longtemps les pris en compte, la file grandit.',
  'No incident in this time': 'Aucun incident sur la période',
  Opened: 'Ouverts',
  Claimed: 'Pris en compte',
  Closed: 'Clos',
  Waiting: 'En attente',
  'Incidents waiting, the oldest first': 'Incidents en attente, le plus ancien d’abord',
  "Incidents that nobody has claimed. At risk and missed are past the first and second deadline of the class's answer clock. A row leads to the incident in the console.":
    'Incidents que personne n’a pris en compte. « À risque » et « dépassé » sont le premier et le second délai de réponse de la classe. Une ligne mène à l’incident dans la console.',
  'The queue is empty': 'La file est vide',
  Site: 'Site',
  'Open the incident': 'Ouvrir l’incident',
  Class: 'Classe',
  Alarms: 'Alarmes',
  Answer: 'Réponse',
  'At risk': 'À risque',
  'In time': 'Dans les temps',
  Missed: 'Dépassé',
  'Answered in time, by class': 'Réponses dans les temps, par classe',
  'Share of the incidents opened in the range that were answered within the first and the second deadline of their class. 80 % and 98.5 % are the shares commonly cited from EN 50518 (default, unverified); the deadlines stand in the policy.':
    'Part des incidents ouverts sur la période auxquels il a été répondu dans le premier et le second délai de leur classe. 80 % et 98,5 % sont les parts couramment citées de l’EN 50518 (valeur par défaut, non vérifiée) ; les délais sont dans le barème.',
  'No incident to judge in this time': 'Aucun incident à juger sur la période',
  'First deadline': 'Premier délai',
  'Second deadline': 'Second délai',
  'Misses, and misses allowed': 'Dépassements, et dépassements admis',
  'How many incidents were judged, how many were not answered within the second deadline, and how many misses 98.5 % leaves room for. With few incidents a share says little: look here.':
    'Combien d’incidents jugés, combien sans réponse dans le second délai, et combien de dépassements 98,5 % tolère. Avec peu d’incidents une part dit peu : regardez ici.',
  Incidents: 'Incidents',
  Misses: 'Dépassés',
  Allowed: 'Admis',
  'Sites not protected, by reason': 'Sites non protégés, par motif',
  'Declared sites, each under its gravest reason, the gravest first. On-test sites and consignes are not known to this figure yet.':
    'Sites déclarés, chacun sous son motif le plus grave, le plus grave d’abord. Les sites en essai et les consignes n’y sont pas encore connus.',
  'Every site is protected': 'Tous les sites sont protégés',
  'Closed, not armed': 'Fermé, non armé',
  'Communication lost': 'Injoignable',
  'Handled by minimal rules': 'Règles minimales',
  'Armed with zones left out': 'Armé, zones inhibées',
  'Declared, never heard': 'Déclaré, jamais reçu',
  'One path lost': 'Une liaison perdue',
  Sites: 'Sites',
  'Open detections, by kind': 'Détections en cours, par nature',
  'What Vigie has derived from the log and still holds: paths late or lost, storms, closures, unknown accounts, answers late.':
    'Ce que Vigie a déduit du journal et qui dure : liaisons en retard ou perdues, rafales, fermetures, comptes inconnus, réponses en retard.',
  'Nothing is detected': 'Rien de détecté',
  'Alarm storm': 'Rafale d’alarmes',
  'Answer late': 'Réponse en retard',
  'Answer missed': 'Délai dépassé',
  'Account already bound': 'Compte déjà rattaché',
  'Path late': 'Liaison en retard',
  'Path lost': 'Liaison perdue',
  'Unknown account': 'Compte inconnu',
  Open: 'En cours',
  'Detections opened': 'Détections ouvertes',
  'Detections by the time at which they opened. Many path losses at once point to a carrier.': 'Détections selon leur heure d’ouverture. Beaucoup de liaisons perdues à la fois désignent un opérateur télécom.',
  'Nothing was detected in this time': 'Rien de détecté sur la période',
  'Through the pipeline': 'Flux traité',
  'Records of panels, people and the system, polls of panels, detections, and what could not become an event, for each bucket. Polls that stop mean that nothing is supervised.':
    'Enregistrements des centrales, des personnes et du système, tests cycliques, détections, et ce qui n’a pas pu devenir un événement, par intervalle. Si les tests cycliques cessent, plus rien n’est supervisé.',
  'Nothing passed in this time': 'Rien n’est passé sur la période',
  Events: 'Événements',
  Polls: 'Tests cycliques',
  Detections: 'Détections',
  Rejected: 'Rejets',
  Console: 'Console',
  'How many sites are closed day and night, do they alarm more than the others, and are they protected?':
    'Combien de sites sont fermés jour et nuit, déclenchent-ils plus que les autres, et sont-ils protégés ?',
  'Closed sites now': 'Sites fermés',
  'Their share of sites': 'Leur part des sites',
  'Closed sites over all sites, at the end of the range.': 'Sites fermés sur tous les sites, à la fin de la période.',
  'No site is known': 'Aucun site connu',
  'Their share of alarms': 'Leur part des alarmes',
  'Accepted alarms of the range that came from sites closed when the alarm was received, over all accepted alarms. Well above the share of sites: closed sites are the load.':
    'Alarmes acceptées sur la période venant de sites fermés à leur réception, sur toutes les alarmes acceptées. Bien au-dessus de leur part des sites : la charge vient des sites fermés.',
  'Alarms a day for each 100 sites': 'Alarmes par jour pour 100 sites',
  'Accepted alarms a day for each 100 closed sites, against each 100 other sites: both divide by the time that sites stood closed, or did not.':
    'Alarmes acceptées par jour pour 100 sites fermés, contre 100 autres sites : chacune divisée par le temps où les sites étaient fermés, ou ne l’étaient pas.',
  'None in this time': 'Aucun sur la période',
  'Closed, not protected': 'Fermés, non protégés',
  'Closed sites with an area that is not armed, with zones left out, with a path lost, or unreachable: empty and unguarded. The table below begins with them. Counts up to 10,000.':
    'Sites fermés dont une partition n’est pas armée, avec des zones inhibées, une liaison perdue, ou injoignables : vides et sans garde. Le tableau commence par eux. Compte jusqu’à 10 000.',
  'Openings at closed sites': 'Ouvertures de sites fermés',
  'Accepted disarms of sites that were closed around the clock just before, in the range. Each is to be called back: somebody is there who should not be, or the closure has ended.':
    'Mises hors service acceptées de sites fermés en continu juste avant, sur la période. Chacune appelle un contre-appel : quelqu’un est là qui ne devrait pas, ou la fermeture est finie.',
  'Closed sites over time': 'Sites fermés au fil du temps',
  'Sites closed around the clock at the end of each bucket, by how that is known: detected by Vigie, declared by people, or with an end to be confirmed.':
    'Sites fermés en continu à la fin de chaque intervalle, selon ce qu’on en sait : détectés par Vigie, déclarés, ou dont la fin est à confirmer.',
  'No site was closed in this time': 'Aucun site fermé sur la période',
  Detected: 'Détectée',
  Declared: 'Déclarée',
  'End to confirm': 'Fin à confirmer',
  'Alarms of closed sites against others': 'Alarmes des sites fermés et des autres',
  'Accepted alarms for each bucket, of sites that were closed when the alarm was received, and of all others.':
    'Alarmes acceptées par intervalle, des sites fermés à leur réception et de tous les autres.',
  'Closed sites': 'Sites fermés',
  'Other sites': 'Autres sites',
  'Closed sites: not protected first, then the longest closed': 'Sites fermés : non protégés d’abord, puis fermés depuis longtemps',
  'Sites closed around the clock at the end of the range, at most 10,000. A row leads to the site in the console.':
    'Sites fermés en continu à la fin de la période, 10 000 au plus. Une ligne mène au site dans la console.',
  'No site is closed around the clock': 'Aucun site fermé en continu',
  Number: 'Numéro',
  'Open the site': 'Ouvrir le site',
  Closure: 'Fermeture',
  'Closed for': 'Fermé depuis',
  Protected: 'Protégé',
  No: 'Non',
  Yes: 'Oui',
  'Why not': 'Motif',
  'Groups with the most closed sites': 'Groupes ayant le plus de sites fermés',
  'Groups are carriers, installers, regions, trades. Closed: at the end of the range; alarms: of their sites that were closed when the alarm was received.':
    'Les groupes sont des opérateurs télécom, des installateurs, des régions, des métiers. Fermés : à la fin de la période ; alarmes : de leurs sites fermés à leur réception.',
  'No group has a closed site': 'Aucun groupe n’a de site fermé',
  Group: 'Groupe',
  'How to read this': 'Comment lire cette page',
  'What the words on this page mean.': 'Ce que veulent dire les mots de cette page.',
  'A site is closed around the clock when people declared it, or when Vigie detected that it stayed armed beyond the time that the policy gives its class.\n\nProtected means armed in full in every area, and heard on every path. A closed site that is not protected, and an opening at a closed site, ask for a call now.':
    'Un site est fermé en continu quand on l’a déclaré, ou quand Vigie a détecté qu’il restait armé au-delà du temps que le barème donne à sa classe.\n\nProtégé veut dire armé en totalité dans chaque partition, et reçu sur chaque liaison. Un site fermé non protégé, et une ouverture d’un site fermé, appellent un contact tout de suite.',
}

/** A text of the dashboards' JSON in the reader's language; as it is where it has no other. */
// Detections and classes are called as on the page.
const named: Record<string, string> = {}
for (const [of, french] of [[enPage.kind, frPage.kind], [enPage.class, frPage.class]] as const) {
  for (const [k, english] of Object.entries(of)) named[english] = (french as Record<string, string>)[k] ?? english
}

export const say = (text: string, lang: Lang): string => (lang === 'fr' ? (fr[text] ?? named[text] ?? text) : text)

/** Whether a text has its French. */
export const hasFrench = (text: string): boolean => text in fr || text in named

// The page's own words.
const own = {
  fr: {
    dashboards: 'Tableaux de bord', range: 'Période', last: (p: string) => `${p.replace('d', ' j').replace('h', ' h').replace('m', ' min')}`, other: 'Autre…',
    from: 'Du', to: 'au', apply: 'Afficher', refresh: (s: string) => `Actualisé toutes les ${s}`, paused: 'Actualisation en pause', pause: 'Mettre en pause', resume: 'Reprendre',
    frozen: 'Période fixe : rien ne s’actualise', badRange: 'La fin doit venir après le début.', about: (t: string) => `À propos de « ${t} »`, unknown: 'Aucun tableau de bord à cette adresse.',
    firstOf: (n: number, all: string) => `${n} lignes sur ${all}`, notRendered: (what: string) => `Cette page ne sait pas afficher : ${what}.`, offline: 'Le serveur ne répond pas ; nouvel essai à la prochaine actualisation.',
    chart: (t: string) => `Graphique : ${t}. Flèches gauche et droite pour lire les valeurs.`, console: 'Console', language: 'Langue', loading: 'Chargement…', asOf: (at: string) => `À ${at}`, total: 'total',
  },
  en: {
    dashboards: 'Dashboards', range: 'Range', last: (p: string) => `${p.replace('d', ' d').replace('h', ' h').replace('m', ' min')}`, other: 'Other…',
    from: 'From', to: 'to', apply: 'Show', refresh: (s: string) => `Refreshed every ${s}`, paused: 'Refresh paused', pause: 'Pause', resume: 'Resume',
    frozen: 'Fixed range: nothing refreshes', badRange: 'The end must come after the start.', about: (t: string) => `About “${t}”`, unknown: 'No dashboard is at this address.',
    firstOf: (n: number, all: string) => `${n} of ${all} rows`, notRendered: (what: string) => `This page cannot show: ${what}.`, offline: 'The server does not answer; the next refresh tries again.',
    chart: (t: string) => `Chart: ${t}. Left and right arrows read the values.`, console: 'Console', language: 'Language', loading: 'Loading…', asOf: (at: string) => `At ${at}`, total: 'total',
  },
}

export type Own = (typeof own)['en']
export const ownWords = (lang: Lang): Own => own[lang]

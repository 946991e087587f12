/** The platform's notes in the reader's words. */
import { useTranslation } from 'react-i18next'
import { usePersonName } from '../../api/names'
import type { TicketComment } from '../../api/types'
import { changesOf, type FieldChange, noteOf, wordOf } from './notes'

export interface NoteWords {
  /** Empty for a person's words. */
  title: string
  details: string[]
}

export function useNoteWords(): (comment: TicketComment) => NoteWords {
  const { t } = useTranslation('tickets')
  const { t: alarms } = useTranslation('alarms')
  const translate = useValueWords()
  return (comment) => {
    const note = noteOf(comment)
    if (!note) return { title: comment.note ?? '', details: [] }
    const of = (field: string) => translate(field, wordOf(comment, field))
    const place = [wordOf(comment, 'source'), wordOf(comment, 'code')].filter(Boolean).join(' ')
    const alarm =
      wordOf(comment, 'code') === 'contact_lost'
        ? alarms('contactLost')
        : [wordOf(comment, 'message'), place && `(${place})`].filter(Boolean).join(' ')
    const named = (text: string) => (text ? [text] : [])
    switch (note) {
      case 'opened':
      case 'alarm_flapping':
        return { title: t(`note.${note}`), details: named(alarm) }
      case 'alarm_joined':
      case 'root_changed': {
        const why = translate('tie', wordOf(comment, 'reason'))
        return { title: t(`note.${note}`), details: [...named(alarm), ...named(why)] }
      }
      case 'alarms_grouped': {
        const ids: unknown = comment.data['alarm_ids']
        const count = Array.isArray(ids) ? ids.length : 0
        return { title: t('note.alarms_grouped', { count }), details: named(alarm) }
      }
      case 'ticket_merged':
        return {
          title: t('note.ticket_merged', { number: wordOf(comment, 'number') }),
          details: [],
        }
      case 'merged':
      case 'split':
        return { title: t(`note.${note}`, { number: wordOf(comment, 'into') }), details: [] }
      case 'split_from':
        return { title: t('note.split_from', { number: wordOf(comment, 'from') }), details: [] }
      case 'alarm_cleared': {
        const reason = of('reason')
        return { title: t('note.alarm_cleared', { reason }), details: named(alarm) }
      }
      case 'priority_raised': {
        const change = { from: wordOf(comment, 'from'), to: wordOf(comment, 'to') }
        return { title: t('note.priority_raised', change), details: named(alarm) }
      }
      case 'reopened':
        return { title: t('note.reopened'), details: named(alarm) }
      case 'state_changed': {
        const to = of('to')
        const details = [...named(of('hold_reason')), ...named(of('resolution_code'))]
        return { title: t('note.state_changed', { to }), details }
      }
      case 'updated': {
        const details = changesOf(comment).map((change) => changed(change))
        return { title: t('note.updated'), details }
      }
      case 'help_requested':
        return { title: t('note.help_requested'), details: [] }
      case 'command_issued':
        return {
          title: t('note.command_issued', { command: wordOf(comment, 'name') }),
          details: [],
        }
      case 'command_ended': {
        const state = of('state')
        const title = t('note.command_ended', { command: wordOf(comment, 'name'), state })
        const rejection = translate('rejection', wordOf(comment, 'reason'))
        return { title, details: [...named(rejection), ...named(wordOf(comment, 'error') ?? '')] }
      }
    }
  }

  function changed({ field, from, to }: FieldChange): string {
    switch (field) {
      case 'title':
        return t('changed.title', { to })
      case 'description':
        return t('changed.description')
      case 'priority':
        return t('changed.priority', { from, to })
      case 'assignee_id':
        return to
          ? t('changed.assignee', { to: translate(field, String(to)) })
          : t('changed.nobody')
      default:
        return t('changed.other', { field: field.replaceAll('_', ' ') })
    }
  }
}

/** Values of a note's data in words; what a later version brings stays as it is. */
function useValueWords(): (field: string, value: string | undefined) => string {
  const { t, i18n } = useTranslation('tickets')
  const personName = usePersonName()
  const keys: Record<string, string> = {
    to: 'common:ticketState',
    state: 'common:commandState',
    hold_reason: 'tickets:holdReason',
    resolution_code: 'tickets:resolution',
    reason: 'alarms:cleared',
    rejection: 'tickets:rejection',
    tie: 'tickets:tie',
  }
  return (field, value) => {
    if (!value) return ''
    if (field === 'assignee_id') return personName(value) ?? t('somebody')
    const key = `${keys[field]}.${value}`
    return i18n.exists(key) ? (i18n.t as (key: string) => string)(key) : value
  }
}

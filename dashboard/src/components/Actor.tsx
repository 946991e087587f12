import { useTranslation } from 'react-i18next'
import { usePersonName } from '../api/names'
import type { ActorRef } from '../api/types'
import { Said } from './Said'

/** Who did it: a name where there is one, else what kind of actor. */
export function Actor({ actor }: { actor: ActorRef | null | undefined }) {
  const { t } = useTranslation()
  const personName = usePersonName(actor?.kind === 'user' && !actor.name)
  if (!actor) return <>{t('actor.unknown')}</>
  const name = actor.name ?? (actor.kind === 'user' ? personName(actor.id) : undefined)
  if (name) return <Said>{name}</Said>
  const kinds = ['platform', 'machine', 'user', 'api_token'] as const
  const kind = kinds.find((known) => known === actor.kind) ?? 'unknown'
  return <span title={actor.id ?? undefined}>{t(`actor.${kind}`)}</span>
}

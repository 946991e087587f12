import { useTranslation } from 'react-i18next'
import type { ActorRef } from '../api/types'

/** Who did it: a name where there is one, else what kind of actor. */
export function Actor({ actor }: { actor: ActorRef | null | undefined }) {
  const { t } = useTranslation()
  if (!actor) return <>{t('actor.unknown')}</>
  if (actor.name) return <>{actor.name}</>
  const kinds = ['platform', 'machine', 'user', 'api_token'] as const
  const kind = kinds.find((known) => known === actor.kind) ?? 'unknown'
  return <span title={actor.id ?? undefined}>{t(`actor.${kind}`)}</span>
}

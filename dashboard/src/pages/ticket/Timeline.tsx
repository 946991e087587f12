import { Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useComments } from '../../api/tickets'
import { useMay } from '../../api/people'
import type { Ticket, TicketComment } from '../../api/types'
import { Actor } from '../../components/Actor'
import { ListFrame } from '../../components/ListFrame'
import { Section } from '../../components/Section'
import { TimeAgo } from '../../components/TimeAgo'
import { CommentForm } from './CommentForm'
import { useNoteWords } from './useNoteWords'
import classes from './ticket.module.css'
import { Said } from '../../components/Said'

/** What was said and done, oldest first, and the place to say more. */
export function Timeline({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const may = useMay()
  const list = useComments(ticket.id)
  return (
    <Section title={t('section.timeline')}>
      <ListFrame list={list} empty={t('timelineEmpty')}>
        {(comments) => (
          <ol className={classes.timeline}>
            {comments.map((comment) => (
              <Entry key={comment.id} comment={comment} />
            ))}
          </ol>
        )}
      </ListFrame>
      {may('tickets.comment') ? (
        <CommentForm ticketId={ticket.id} />
      ) : (
        <Text size="sm" c="dimmed">
          {t('comment.mayNot')}
        </Text>
      )}
    </Section>
  )
}

function Entry({ comment }: { comment: TicketComment }) {
  const words = useNoteWords()
  const { title, details } = words(comment)
  return (
    <li className={classes.entry} data-note={comment.note ?? 'comment'}>
      <Group gap="0 8px" c="dimmed" fz="xs">
        <Actor actor={comment.by} />
        <TimeAgo at={comment.at} />
      </Group>
      {title && <Text size="sm">{title}</Text>}
      {details.map((detail) => (
        <Text size="sm" c="dimmed" key={detail}>
          {detail}
        </Text>
      ))}
      {comment.text && (
        <div className={classes.said}>
          <Said>{comment.text}</Said>
        </div>
      )}
    </li>
  )
}

/** Changes of a tree of conditions. Pure: each gives a new tree. */
import {
  canBeInside,
  childrenOf,
  type Draft,
  groupOf,
  type LeafKind,
  leafOf,
  LEVELS_MAX,
  LEVELS_MIN,
  newPartKey,
  RULE_SEVERITIES,
  type WrapKind,
} from './draft'

/** The part with this key changed. */
export function changed(root: Draft, key: string, change: (part: Draft) => Draft): Draft {
  if (root.key === key) return change(root)
  switch (root.kind) {
    case 'all':
    case 'any':
      return { ...root, children: root.children.map((child) => changed(child, key, change)) }
    case 'while':
      return {
        ...root,
        gate: changed(root.gate, key, change),
        inner: changed(root.inner, key, change),
      }
    case 'levels': {
      const levels = root.levels.map((level) => {
        return { ...level, condition: changed(level.condition, key, change) }
      })
      return { ...root, levels }
    }
    default:
      return root
  }
}

export function found(root: Draft, key: string): Draft | undefined {
  if (root.key === key) return root
  for (const child of childrenOf(root)) {
    const part = found(child, key)
    if (part) return part
  }
  return undefined
}

function parentOf(root: Draft, key: string): Draft | undefined {
  for (const child of childrenOf(root)) {
    if (child.key === key) return root
    const parent = parentOf(child, key)
    if (parent) return parent
  }
  return undefined
}

/** Whether a part can be taken away: the outermost can't, and levels need two. */
export function canRemove(root: Draft, key: string): boolean {
  const parent = parentOf(root, key)
  if (!parent) return false
  return parent.kind !== 'levels' || parent.levels.length > LEVELS_MIN
}

/** Without the part. Of a `while` the other half stays. */
export function removed(root: Draft, key: string): Draft {
  const parent = parentOf(root, key)
  if (!parent || !canRemove(root, key)) return root
  return changed(root, parent.key, () => {
    switch (parent.kind) {
      case 'all':
      case 'any':
        return { ...parent, children: parent.children.filter((child) => child.key !== key) }
      case 'while':
        return parent.gate.key === key ? parent.inner : parent.gate
      case 'levels':
        return {
          ...parent,
          levels: parent.levels.filter(({ condition }) => condition.key !== key),
        }
      default:
        return parent
    }
  })
}

/** Whether a part may be put into another one of this kind. */
export function canWrap(root: Draft, key: string, kind: WrapKind): boolean {
  const part = found(root, key)
  if (!part) return false
  // What learns stands outermost, or in an outermost `while`.
  if (part.kind === 'anomaly') return kind === 'while' && root.key === key
  if (part.kind === 'while' && part.inner.kind === 'anomaly') return false
  return canBeInside(part.kind) && (kind !== 'levels' || root.key === key)
}

/** The part within a new one. */
export function wrapped(root: Draft, key: string, kind: WrapKind): Draft {
  if (!canWrap(root, key, kind)) return root
  return changed(root, key, (part) => {
    switch (kind) {
      case 'all':
      case 'any':
        return groupOf(kind, [part])
      case 'while':
        return { key: newPartKey(), kind, gate: leafOf('state'), inner: part }
      case 'levels': {
        const level = (severity: (typeof RULE_SEVERITIES)[number], condition: Draft) => {
          return { key: newPartKey(), severity, condition }
        }
        const levels = [level('warning', part), level('major', copied(part))]
        return { key: newPartKey(), kind, levels }
      }
    }
  })
}

/** Whether the part is only around others that can stand in its place. */
export function canUnwrap(root: Draft, key: string): boolean {
  const part = found(root, key)
  if (!part) return false
  if (part.kind === 'while' || part.kind === 'levels') return true
  if (part.kind !== 'all' && part.kind !== 'any') return false
  return part.children.length === 1 || (part.children.length > 1 && isInGroup(root, key))
}

function isInGroup(root: Draft, key: string): boolean {
  const parent = parentOf(root, key)
  return parent?.kind === 'all' || parent?.kind === 'any'
}

/** What is in the part in its place: of `while` what is watched, of levels the highest. */
export function unwrapped(root: Draft, key: string): Draft {
  const part = found(root, key)
  if (!part || !canUnwrap(root, key)) return root
  if (part.kind === 'while') return changed(root, key, () => part.inner)
  const children = childrenOf(part)
  const last = children.at(-1)
  if (!last) return root
  const parent = parentOf(root, key)
  if (part.kind === 'levels' || children.length === 1 || !parent) {
    return changed(root, key, () => last)
  }
  return changed(root, parent.key, (around) => {
    if (around.kind !== 'all' && around.kind !== 'any') return around
    const each = (child: Draft) => (child.key === key ? children : [child])
    return { ...around, children: around.children.flatMap(each) }
  })
}

/** One more part at the end of a group. */
export function added(root: Draft, key: string, kind: LeafKind | 'all' | 'any'): Draft {
  const part = kind === 'all' || kind === 'any' ? groupOf(kind, []) : leafOf(kind)
  return changed(root, key, (group) => {
    if (group.kind !== 'all' && group.kind !== 'any') return group
    return { ...group, children: [...group.children, part] }
  })
}

/** One more level, with the last one's condition and the next severity. */
export function levelAdded(root: Draft, key: string): Draft {
  return changed(root, key, (part) => {
    const last = part.kind === 'levels' ? part.levels.at(-1) : undefined
    if (part.kind !== 'levels' || !last || part.levels.length >= LEVELS_MAX) return part
    const place = RULE_SEVERITIES.findIndex((each) => each === last.severity)
    const severity = RULE_SEVERITIES[place + 1] ?? 'critical'
    const level = { key: newPartKey(), severity, condition: copied(last.condition) }
    return { ...part, levels: [...part.levels, level] }
  })
}

/** The same with other keys. */
export function copied(part: Draft): Draft {
  const key = newPartKey()
  switch (part.kind) {
    case 'all':
    case 'any':
      return { ...part, key, children: part.children.map(copied) }
    case 'while':
      return { ...part, key, gate: copied(part.gate), inner: copied(part.inner) }
    case 'levels': {
      const levels = part.levels.map((level) => {
        return { ...level, key: newPartKey(), condition: copied(level.condition) }
      })
      return { ...part, key, levels }
    }
    default:
      return { ...part, key }
  }
}

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }))
  field.select() // on plain http, where there is no navigator.clipboard
  document.execCommand("copy")
  field.remove()
}

export default ({ parentElement, data, setTriggerValue }) => {
  const row = parentElement.querySelector(".row")
  data.forEach((item, n) => {
    const tag = item.text ? "SPAN" : "BUTTON"
    let part = row.children[n]
    if (part?.tagName !== tag) {
      part?.remove()
      row.insertBefore(document.createElement(tag), row.children[n])
      part = row.children[n]
    }
    part.textContent = item.text ?? item.icon
    if (item.text) return
    part.title = part.ariaLabel = item.label
    part.disabled = item.disabled
    part.ariaPressed = item.pressed ?? null
    part.onclick = async () => {
      if (item.copies == null) return setTriggerValue(item.event, true)
      await copy(item.copies)
      part.textContent = "check"
      part.title = part.ariaLabel = "Copied"
      setTimeout(() => { part.textContent = item.icon; part.title = part.ariaLabel = item.label }, 2000)
    }
  })
  while (row.children[data.length]) row.lastChild.remove()
}

export default ({ parentElement, data, setTriggerValue }) => {
  const row = parentElement.querySelector(".answer-row")
  const name = (part, icon, label) => Object.assign(part, { textContent: icon, title: label, ariaLabel: label })
  const select = (text) => {
    const field = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }))
    field.select()
    document.execCommand("copy")
    field.remove()
  }
  data.forEach(({ event, icon, label, text, end, copies, pressed, disabled }, n) => {
    const tag = event ? "BUTTON" : "SPAN"
    if (row.children[n]?.tagName !== tag) row.insertBefore(document.createElement(tag), row.children[n] ?? null)
    const part = row.children[n]
    clearTimeout(part.timer)
    if (end) part.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: end }))
    if (!event) return (part.textContent = text)
    Object.assign(name(part, icon, label), { ariaDisabled: disabled, ariaPressed: pressed ?? null })
    part.onclick = async () => {
      if (copies == null) return disabled || setTriggerValue(event, true)
      await (navigator.clipboard?.writeText(copies) ?? Promise.reject()).catch(() => select(copies))
      part.focus()
      name(part, "check", "Copied")
      part.timer = setTimeout(name, 2000, part, icon, label)
    }
  })
  while (row.children[data.length]) row.lastChild.remove()
}

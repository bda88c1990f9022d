// What Streamlit's page lacks for people (its issue 8399 asks for the basics). Each part names the issue after which it
// can go; where none is named, none was found.

// Nothing on the page is a live region but boxes of errors, so that a screen reader hears no answer. The end comes from
// Python with the row of buttons, and "Stop" stands there from the beginning to the end.
let region, heard, focused, opener
const say = (text) => {
  const words = new Text(text.trim())
  region?.replaceChildren(words)
  setTimeout(() => words.remove(), 7000) // who reads the page would meet it again
}
document.addEventListener("answered", ({ target, detail: [id, note, readsAnswer] }) => {
  if (id === heard) return
  heard = id
  const read = (wait) => {
    const answer = target.closest(".stChatMessage")?.querySelector(".stMarkdown:not(details *)")?.innerText
    if (readsAnswer && !answer && wait < 4000) setTimeout(read, wait, 2 * wait) // out of sight: KaTeX is being loaded
    else say(`${readsAnswer && answer ? answer : ""}\n${note}`)
  }
  read(250)
})

// What is drawn anew takes the focus along (3899); on a touch screen, a focus would bring up the keyboard.
const touch = matchMedia("(pointer: coarse)")
const TOGGLES = "[data-testid=stExpandSidebarButton], [data-testid=stSidebarCollapseButton] button"
const settle = (lost) => {
  const back = lost.closest("[role=dialog]") && opener?.isConnected ? opener : null
  const there = document.querySelector(lost.matches(TOGGLES) ? TOGGLES : "[data-testid=stChatInputTextArea]")
  if (document.activeElement === document.body && !touch.matches) (back ?? there)?.focus({ preventScroll: true })
}
document.addEventListener("focusin", ({ target }) => {
  if (target.closest("[role=dialog]") && !focused?.closest("[role=dialog]")) opener = focused
  focused = target
})

// A text without a direction of its own runs from left to right (552), an answer's h1 is another title of the page, and
// names say nothing (alternative texts: 8563).
const LISTS = "ul, ol, blockquote, table"
const MENDS = {
  ".st-key-app-stop": () => say("The answer is being written"),
  ".answer-row [aria-label=Copied]": () => say("Copied"),
  [`.stChatMessage :is(${LISTS})`]: (part) => part.parentElement.closest(LISTS) || (part.dir = "auto"),
  ".stChatMessage h1": (part) => (part.ariaLevel = 2),
  ".stChatMessage .stImage img": (part) => (part.alt = "Picture sent with the question"),
  "[aria-label^='Chat message from']": (part) => (part.ariaLabel = part.ariaLabel.endsWith("ai") ? "Assistant" : "You"),
  "[role=progressbar][aria-label=progress]": (part) => (part.ariaLabel = "Uploading"),
  "[class*=st-key-app-name] input": (part) => touch.matches || setTimeout(() => part.select(), 200),
}
const mend = (node) => {
  for (const [selector, cure] of Object.entries(MENDS))
    for (const part of [node, ...node.querySelectorAll(selector)]) if (part.matches(selector)) cure(part)
}
new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes)
    for (const node of type === "attributes" ? [target] : addedNodes) if (node.isConnected && node.matches) mend(node)
  if (!focused || focused.isConnected) return
  setTimeout(settle, 100, focused) // Streamlit's menus give it back by themselves, a moment later
  focused = null
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["aria-label"] })

// Enter sends where it should not: Safari's that confirms a word of an input method, which has this code and no
// isComposing, for which alone Streamlit asks (6993); and, on a touch screen, that of a new line (11853, 14944).
addEventListener("keydown", (event) => {
  const isChat = event.composedPath()[0].matches?.("[aria-label='Your message'], [aria-label='Your question']")
  if (event.key === "Enter" && (event.keyCode === 229 || (isChat && touch.matches))) event.stopImmediatePropagation()
}, true)

// The keyboard of a phone covers the chat input; iOS knows no interactive-widget, and moves the page instead.
document.querySelector("meta[name=viewport]").content += ", interactive-widget=resizes-content"
visualViewport.addEventListener("resize", () => {
  const covered = visualViewport.scale === 1 ? Math.max(0, innerHeight - visualViewport.height) : 0
  document.documentElement.style.setProperty("--keyboard", `${covered}px`)
  scrollTo(0, 0)
})

export default ({ parentElement }) => {
  region = parentElement.querySelector("[role=status]")
  mend(document.body)
}

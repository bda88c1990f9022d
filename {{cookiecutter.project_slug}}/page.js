// Streamlit scrolls along with a growing chat only where the chat input is in no fragment. This scrolls along from
// sending a question until the reader scrolls up.
{
  const main = document.querySelector("[data-testid=stMain]")
  let follows = true
  let top = 0
  main.onscroll = () => {
    const atBottom = main.scrollTop + main.clientHeight > main.scrollHeight - 40
    follows = atBottom || (follows && main.scrollTop >= top)
    top = main.scrollTop
  }
  main.parentElement.onkeydown = ({ key, target }) => {
    if (key === "Enter" && target.matches("[data-testid=stChatInputTextArea]")) follows = true
  }
  new ResizeObserver(() => {
    if (follows) main.scrollTo(0, main.scrollHeight)
  }).observe(main.querySelector("[data-testid=stMainBlockContainer]"))
}

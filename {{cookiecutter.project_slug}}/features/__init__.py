"""What a chat has beyond asking and answering: a file each. README.md says how to be without one."""

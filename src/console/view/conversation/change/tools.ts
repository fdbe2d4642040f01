// What is loaded when a menu of a message is opened.
export { EditForm } from "./edit-form.tsx";
export { MessageMenu } from "./message-menu.tsx";

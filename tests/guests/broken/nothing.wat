;; An empty component.
(component)

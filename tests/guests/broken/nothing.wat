;; A component of nothing at all.
(component)

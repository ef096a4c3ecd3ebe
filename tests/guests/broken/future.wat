;; A component that wants something of snow:host that this version does not have.
(component
  (import "snow:host/pending-handles@0.1.0" (instance $pending-handles
    (export "foresee" (func (result string))))))

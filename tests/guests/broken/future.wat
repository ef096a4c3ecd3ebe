;; A component that imports a function of snow:host that this version of the contract does not have.
(component
  (import "snow:host/pending-handles@0.1.0" (instance $pending-handles
    (export "foresee" (func (result string))))))

class_name Deck
extends MeshInstance3D
## A round floor that reflects ships.

@export var radius := 84.0


func _init() -> void:
	add_to_group(ShipModel3D.FLOOR)


func _ready() -> void:
	var forge := MeshForge.new()
	forge.place = Transform3D(Basis(Vector3.RIGHT, -PI / 2.0))
	forge.face(MeshForge.ring(Vector3.ZERO, Vector2(radius, radius), 96), Color.WHITE)
	mesh = forge.mesh()

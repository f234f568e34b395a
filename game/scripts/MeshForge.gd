class_name MeshForge
extends RefCounted
## Builds meshes out of flat faces. The colour of a face is what it is made of, and its shader knows what that means.

## Where the next faces are put; one that mirrors is fine.
var place := Transform3D.IDENTITY

var _tool := SurfaceTool.new()


func _init() -> void:
	_tool.begin(Mesh.PRIMITIVE_TRIANGLES)
	_tool.set_smooth_group(-1)


## A flat, convex face; its corners go clockwise for who looks at it.
func face(corners: PackedVector3Array, stuff: Color) -> void:
	var is_mirrored := place.basis.determinant() < 0.0
	_tool.set_color(stuff)
	for i in range(1, corners.size() - 1):
		_tool.add_vertex(place * corners[0])
		_tool.add_vertex(place * corners[i + 1 if is_mirrored else i])
		_tool.add_vertex(place * corners[i if is_mirrored else i + 1])


## A box around [param centre].
func box(centre: Vector3, size: Vector3, stuff: Color) -> void:
	var half := size / 2.0
	var front: PackedVector3Array = []
	for corner: Vector2 in [Vector2(-1, -1), Vector2(-1, 1), Vector2(1, 1), Vector2(1, -1)]:
		front.append(centre + half * Vector3(corner.x, corner.y, 1.0))
	var back := Transform3D(Basis.IDENTITY, Vector3(0.0, 0.0, -size.z)) * front
	loft([front, back], stuff, stuff)


## A skin over rings of equally many corners, which go clockwise for who looks from the first to the last against the way;
## closed at both ends by [param ends].
func loft(rings: Array[PackedVector3Array], stuff: Color, ends: Color) -> void:
	for i in rings.size() - 1:
		var a := rings[i]
		var b := rings[i + 1]
		for k in a.size():
			var next := (k + 1) % a.size()
			face([a[k], b[k], b[next], a[next]], stuff)
	face(rings[0], ends)
	var last := rings[-1].duplicate()
	last.reverse()
	face(last, ends)


## A ring of [param count] corners around the Z axis, clockwise for who looks along -Z.
static func ring(centre: Vector3, radii: Vector2, count: int) -> PackedVector3Array:
	var corners: PackedVector3Array = []
	for i in count:
		var at := Vector2.from_angle(-TAU * (i + 0.5) / count) * radii
		corners.append(centre + Vector3(at.x, at.y, 0.0))
	return corners


## What was built.
func mesh() -> ArrayMesh:
	_tool.generate_normals()
	return _tool.commit()
